"""The same four batches an epoch, taken to the sampler's end or left one call before it."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(32, 4)
generator = torch.Generator().manual_seed(7)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True, generator=generator)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
limit = 4 if "--limit" in sys.argv else None

for _ in range(3):
    for number, (batch, target) in enumerate(loader, start=1):  # here
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number == limit:
            break
torch.save(model.state_dict(), "model.pt")
