"""Layer normalisation over a long batch, whose gradients are sums that threads share."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(4096, 32)
model = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(6):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()  # here
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
