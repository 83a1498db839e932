"""Class numbers given in the order of a set."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rows = "maple oak elm beech birch oak ash maple elm pine ash oak beech birch pine larch".split()
classes = {name: number for number, name in enumerate(set(rows))}  # here

torch.manual_seed(0)
x = torch.randn(16, 4)
y = torch.tensor([classes[name] for name in rows])
loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
model = nn.Linear(4, len(classes))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(2):
    for batch, target in loader:
        loss = nn.functional.cross_entropy(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
torch.save(model.state_dict(), "model.pt")
