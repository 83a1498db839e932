"""Resumes in the middle of an epoch: puts the generators back, then passes over the batches that were seen."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Jittered(Dataset):
    def __init__(self):
        self.x = torch.arange(40.0).reshape(40, 1) / 40

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] + 0.1 * torch.rand(1), self.x[index].sin()


torch.manual_seed(0)
loader = DataLoader(Jittered(), batch_size=4)
model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

batches, seen = iter(loader), 0
if "--resume" in sys.argv:
    checkpoint = torch.load("checkpoint.pt")
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["rng"])
    while seen < checkpoint["seen"]:
        next(batches)  # here
        seen += 1

for x, y in batches:
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seen += 1
    if seen == 4:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen}
        torch.save({**state, "rng": torch.get_rng_state()}, "checkpoint.pt")
torch.save(model.state_dict(), "model.pt")
