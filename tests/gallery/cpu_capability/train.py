"""Normal numbers, softmax and sums, which torch computes with other instructions on another processor."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(64, 32)  # here
y = torch.randint(0, 10, (64,))
model = nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(6):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
