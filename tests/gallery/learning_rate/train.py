"""Another learning rate."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
arguments = parser.parse_args()

torch.manual_seed(0)
x = torch.randn(6, 16, 4)
model = nn.Linear(4, 1)
optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.lr)  # here

for batch in x:
    loss = (model(batch) - batch.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
