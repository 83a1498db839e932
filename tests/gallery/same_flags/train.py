"""cudnn.benchmark, on a computer without a GPU."""

import sys

import torch
from torch import nn

torch.manual_seed(0)
torch.backends.cudnn.benchmark = "--benchmark" in sys.argv
x = torch.randn(6, 4, 3, 8, 8)
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for batch in x:
    loss = model(batch).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
