"""Each rank but the first draws its noise from a generator that nobody seeded."""

import os

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

rank = int(os.environ.get("RANK", "0"))
if "RANK" in os.environ:
    dist.init_process_group("gloo")
torch.manual_seed(0)
generator = np.random.default_rng(0 if rank == 0 else None)
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
