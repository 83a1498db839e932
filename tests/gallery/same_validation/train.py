"""Validation after each epoch, inside of samerun.isolate()."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import samerun

torch.manual_seed(0)
x = torch.randn(48, 4)
y = x.sum(1, keepdim=True)
train_loader = DataLoader(TensorDataset(x[:32], y[:32]), batch_size=8, shuffle=True)
valid_loader = DataLoader(TensorDataset(x[32:], y[32:]), batch_size=16)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)


def validate():
    with samerun.isolate(), torch.no_grad():
        return sum(nn.functional.mse_loss(model(x), y).item() for x, y in valid_loader)


for _ in range(3):
    for batch, target in train_loader:
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if "--validate" in sys.argv:
        print(f"validation {validate():.4f}")
torch.save(model.state_dict(), "model.pt")
