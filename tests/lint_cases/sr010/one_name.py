import torch
from torch.utils.data import DataLoader

checkpoint = torch.load("last.pt")
optimizer.load_state_dict(checkpoint["optimizer"])
for batch in DataLoader(data, shuffle=True):
    model(batch).sum().backward()
    optimizer.step()
# Another thing by the name of what was loaded.
checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}  # error: SR010
torch.save(checkpoint, "last.pt")
