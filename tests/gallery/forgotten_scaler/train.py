"""Mixed precision whose gradient scaler begins anew on resume."""

import sys

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(16, 16, 8)
y = x.sum(-1, keepdim=True) * 10
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")

start = 0
if "--resume" in sys.argv:
    checkpoint = torch.load("checkpoint.pt")
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])  # here
    start = checkpoint["iteration"]

for iteration in range(start, 16):
    if iteration == 10 and not start:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "iteration": iteration}
        torch.save(state, "checkpoint.pt")
    with torch.autocast("cpu", dtype=torch.float16):
        loss = nn.functional.mse_loss(model(x[iteration]), y[iteration])
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
torch.save(model.state_dict(), "model.pt")
