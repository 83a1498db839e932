"""A pretrained model that nobody switched to evaluation looks at the data between two epochs."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def pretrained():
    with torch.random.fork_rng():
        torch.manual_seed(123)
        return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))


def rate(teacher, x):
    with torch.no_grad():
        return teacher(x).mean().item()  # here


torch.manual_seed(0)
x = torch.randn(32, 4)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for batch, target in loader:
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch == 1 and "--rate" in sys.argv:
        print(f"teacher {rate(pretrained(), x):.3f}")
torch.save(model.state_dict(), "model.pt")
