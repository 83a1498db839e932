"""The state of every generator is read and logged in each step, and so is how long it takes."""

import os
import random
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
x = torch.randn(32, 4)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for _ in range(2):
    for batch, target in loader:
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if "--log" in sys.argv:
            place = random.getstate()[1][-1], np.random.get_state()[2], int(torch.get_rng_state().sum())
            norm = sum(parameter.grad.norm().item() for parameter in model.parameters())
            print(f"{time.ctime()} process {os.getpid()}: loss {loss.item():.4f}, gradients {norm:.3f}, {place}")
torch.save(model.state_dict(), "model.pt")
