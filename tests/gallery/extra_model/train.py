"""A baseline that is built for comparison draws the weights that the model would have had."""

import sys

import torch
from torch import nn


def build(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1))


torch.manual_seed(0)
x = torch.randn(8, 16, 4)
if "--baseline" in sys.argv:
    baseline = build(4)  # here
    print("baseline", sum(parameter.numel() for parameter in baseline.parameters()))
model = build(16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for batch in x:
    loss = (model(batch) - batch.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
