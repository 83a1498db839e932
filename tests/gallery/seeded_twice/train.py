"""A helper that makes a split seeds the global generator again, in the middle of the training."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def show_split(count):
    torch.manual_seed(0)  # here
    return torch.randperm(count)[: count // 4].tolist()


torch.manual_seed(0)
x = torch.randn(32, 4)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for _ in range(3):
    for batch, target in loader:
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if "--split" in sys.argv:
        print("split", show_split(32))
torch.save(model.state_dict(), "model.pt")
