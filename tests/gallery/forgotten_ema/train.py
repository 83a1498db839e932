"""A mean teacher whose averaged weights are not in the checkpoint."""

import copy
import sys

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(12, 16, 4)
student = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)

start = 0
if "--resume" in sys.argv:
    checkpoint = torch.load("checkpoint.pt")
    student.load_state_dict(checkpoint["student"])
    optimizer.load_state_dict(checkpoint["optimizer"])  # here
    start = checkpoint["step"]
teacher = copy.deepcopy(student).requires_grad_(False)

for step in range(start, 12):
    if step == 6 and not start:
        state = {"student": student.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        torch.save(state, "checkpoint.pt")
    loss = nn.functional.mse_loss(student(x[step]), teacher(x[step] + 0.1))
    loss = loss + 0.1 * student(x[step]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for average, new in zip(teacher.parameters(), student.parameters(), strict=True):
        average.lerp_(new, 0.1)
torch.save(student.state_dict(), "model.pt")
