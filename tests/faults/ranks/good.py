"""Each rank draws its noise from a generator with a seed of its own."""

import os

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from samerun.derive import derive

rank = int(os.environ.get("RANK", "0"))
if "RANK" in os.environ:
    dist.init_process_group("gloo")
torch.manual_seed(0)
generator = np.random.default_rng(derive(0, "rank", rank))
model = nn.Linear(4, 1)
if "RANK" in os.environ:
    model = DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    batch = torch.from_numpy(generator.normal(size=(8, 4))).float()
    model(batch).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
if "RANK" in os.environ:
    dist.destroy_process_group()
