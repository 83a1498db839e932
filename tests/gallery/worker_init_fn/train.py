"""NumPy noise in workers, with and without a worker_init_fn that seeds NumPy."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return torch.full((6,), float(index)) + torch.from_numpy(np.random.rand(6).astype(np.float32))


def seed_worker(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


torch.manual_seed(1)
init = seed_worker if "--init" in sys.argv else None
loader = DataLoader(Noisy(), batch_size=4, num_workers=1, worker_init_fn=init)  # here
model = nn.Linear(6, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

for batch in loader:
    loss = model(batch).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
