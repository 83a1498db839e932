"""Augmentation that is seeded with the number of the process, so that workers differ."""

import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __init__(self):
        self.rng = None

    def __len__(self):
        return 24

    def __getitem__(self, index):
        if self.rng is None:
            self.rng = np.random.default_rng(os.getpid())  # here
        return torch.full((6,), float(index)) + torch.from_numpy(self.rng.random(6, dtype=np.float32))


torch.manual_seed(0)
loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
model = nn.Linear(6, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)

for batch in loader:
    loss = model(batch).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
