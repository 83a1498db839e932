"""Resumes from a file that holds the model alone."""

import sys
from pathlib import Path

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(10, 16, 4)
y = x.abs().sum(-1, keepdim=True)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

start = 0
if "--resume" in sys.argv:
    model.load_state_dict(torch.load("weights-5.pt"))  # here
    start = 5

for step in range(start, 10):
    if not Path(f"weights-{step}.pt").exists():
        torch.save(model.state_dict(), f"weights-{step}.pt")
    loss = nn.functional.mse_loss(model(x[step]), y[step])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
