"""Every generator is seeded."""

import numpy as np
import torch
from torch import nn

import samerun

samerun.seed_everything(0)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(8):
    batch = torch.from_numpy(np.random.normal(size=(8, 4))).float()
    model(batch).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
