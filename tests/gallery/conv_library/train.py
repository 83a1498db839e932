"""Convolutions by oneDNN or, with that switched off, by torch's own kernels."""

import sys

import torch
from torch import nn

torch.manual_seed(0)
torch.backends.mkldnn.enabled = "--plain" not in sys.argv
x = torch.randn(8, 3, 12, 12)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(800, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for _ in range(5):
    loss = model(x).square().mean()  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
