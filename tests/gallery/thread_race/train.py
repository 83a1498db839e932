"""Parts of a loss are added up in the order in which threads have them ready."""

from concurrent.futures import ThreadPoolExecutor, as_completed

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.randn(400, 96)
model = nn.Sequential(nn.Linear(96, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
pool = ThreadPoolExecutor(4)


def part(rows):
    return model(rows).square().sum()


for _ in range(20):
    parts = [pool.submit(part, rows) for rows in x.split(10)]
    loss = sum(part.result() for part in as_completed(parts)) / len(x)  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
