"""Results go to another folder, under names with the time of day."""

import argparse
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, default=Path("runs/first"))
arguments = parser.parse_args()
arguments.out.mkdir(parents=True)

torch.manual_seed(0)
x = torch.randn(32, 4)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(2):
    began = time.perf_counter()
    for batch, target in loader:
        loss = nn.functional.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    took = time.perf_counter() - began
    (arguments.out / f"epoch{epoch}-{time.time_ns()}.txt").write_text(f"{loss.item()} in {took} s at {time.ctime()}\n")
torch.save(model.state_dict(), "model.pt")
