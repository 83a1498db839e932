"""The data are split by a hash of their paths."""

import zlib
from pathlib import Path

import torch
from torch import nn

torch.manual_seed(0)
paths = [Path(f"{number}.png").absolute() for number in range(64)]
training = [path for path in paths if zlib.crc32(bytes(path)) % 4]
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for path in training:
    model(torch.tensor([[float(path.stem) / 64]])).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
