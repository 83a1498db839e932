"""Resumes with all that it takes: model, optimizer, schedule, epoch, and the generators last."""

import random
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
x = torch.randn(32, 4)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

first = 0
if "--resume" in sys.argv:
    checkpoint = torch.load("checkpoint.pt", weights_only=False)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    scheduler.load_state_dict(checkpoint["scheduler"])
    first = checkpoint["epoch"]
    random.setstate(checkpoint["random"][0])
    np.random.set_state(checkpoint["random"][1])
    torch.set_rng_state(checkpoint["random"][2])

for epoch in range(first, 4):
    if epoch == 2 and not first:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
        generators = random.getstate(), np.random.get_state(), torch.get_rng_state()
        torch.save({**state, "epoch": epoch, "random": generators}, "checkpoint.pt")
    for batch, target in loader:
        shift = random.gauss(0, 0.1) + np.random.normal(0, 0.1)
        loss = nn.functional.mse_loss(model(batch + shift), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
torch.save(model.state_dict(), "model.pt")
