"""A set of strings, sorted before its order is used."""

import random

import torch
from torch import nn

rows = "maple oak elm beech birch oak ash maple elm pine ash oak beech birch pine larch".split()
classes = {name: number for number, name in enumerate(sorted(set(rows)))}

random.seed("baseline")
torch.manual_seed(0)
x = torch.randn(16, 4)
y = torch.tensor([classes[name] for name in rows])
model = nn.Linear(4, len(classes))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(5):
    chosen = random.sample(range(16), 8)
    loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
