"""torch is seeded, NumPy makes the noise."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(42)
x = torch.randn(8, 16, 4)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for batch in x:
    noisy = batch + torch.from_numpy(np.random.normal(0, 0.1, batch.shape)).float()  # here
    loss = (model(noisy) - batch.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
