"""A table that somebody corrected in one place."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

table = torch.from_numpy(np.loadtxt("table.csv", delimiter=",", dtype=np.float32))

torch.manual_seed(0)
loader = DataLoader(TensorDataset(table[:, :2], table[:, 2:]), batch_size=4, shuffle=True)  # here
model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for _ in range(2):
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(model.state_dict(), "model.pt")
