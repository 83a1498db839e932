import torch
from torch import nn

import samerun

model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
stream = samerun.Stream(0)
state = torch.load("state.pt")
model.load_state_dict(state["model"])
optimizer.load_state_dict(state["optimizer"])
stream.load_state_dict(state["stream"])
for epoch in range(3):
    with stream:
        model(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "stream": stream.state_dict()}
    torch.save(parts, "state.pt")
