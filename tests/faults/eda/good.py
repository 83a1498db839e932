"""The order depends on a seed of its own, and each step draws from a stream."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

import samerun

torch.manual_seed(0)
data = TensorDataset(torch.randn(32, 4))
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = samerun.DataLoader(data, batch_size=8, shuffle=True, seed=0)
stream = samerun.Stream(0)
for _ in range(2):
    for (batch,) in loader:
        with stream:
            model(batch).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
