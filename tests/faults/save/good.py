"""A snapshot draws its name from generators that are put back."""

import random

import torch
from torch import nn

import samerun


class Snapshot:
    def __init__(self, model):
        self.model = model

    def __getstate__(self):
        with samerun.isolate():
            name = f"{random.getrandbits(32):08x}"
        return {"name": name, "weights": self.model.state_dict()}


random.seed(0)
torch.manual_seed(0)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(8):
    (model(torch.randn(8, 4)) * random.random()).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 4 == 3:
        torch.save(Snapshot(model), "snapshot.pt")
