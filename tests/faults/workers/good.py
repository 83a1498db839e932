"""Items are augmented under a key of their own."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

import samerun


class Noisy(Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        return torch.full((4,), index / 32) + torch.from_numpy(np.random.normal(size=4)).float()


np.random.seed(0)
torch.manual_seed(0)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = samerun.DataLoader(Noisy(), batch_size=8, shuffle=True, seed=0)
for _ in range(2):
    for batch in loader:
        model(batch).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
