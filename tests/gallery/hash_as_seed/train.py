"""A seed made with hash() from the experiment's name."""

import random

import torch
from torch import nn

random.seed(hash("baseline"))  # here
torch.manual_seed(0)
x = torch.randn(32, 4)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for _ in range(6):
    chosen = random.sample(range(32), 8)
    loss = (model(x[chosen]) - x[chosen].sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
