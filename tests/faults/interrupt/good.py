"""A samerun.Run keeps all of it."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import samerun

run = samerun.Run("run", seed=0, save_every=3)
data = TensorDataset(torch.randn(32, 4))
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loader = DataLoader(data, batch_size=8, shuffle=True)
run.track(model=model, optimizer=optimizer, loader=loader)
for _ in run.epochs(4):
    for (batch,) in run.batches(loader):
        model(batch).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
