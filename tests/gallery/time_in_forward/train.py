"""A mask that is seeded with the time, inside of the model."""

import time

import torch
from torch import nn


class RandomMask(nn.Module):
    def forward(self, x):
        generator = torch.Generator().manual_seed(time.time_ns() % 2**32)
        return x * torch.bernoulli(torch.full_like(x, 0.9), generator=generator)  # here


torch.manual_seed(0)
x = torch.randn(8, 16, 4)
model = nn.Sequential(nn.Linear(4, 16), RandomMask(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for batch in x:
    loss = (model(batch) - batch.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
