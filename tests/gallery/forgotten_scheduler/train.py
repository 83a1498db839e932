"""Resumes with everything but the schedule."""

import sys

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(12, 16, 4)
y = x.pow(2).sum(-1, keepdim=True)
model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)

start = 0
if "--resume" in sys.argv:
    checkpoint = torch.load("checkpoint.pt")
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])  # here
    start = checkpoint["step"]

for step in range(start, 12):
    if step == 6 and not start:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        torch.save(state, "checkpoint.pt")
    loss = nn.functional.mse_loss(model(x[step]), y[step])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
torch.save(model.state_dict(), "model.pt")
