import random

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.utils.data import DataLoader
from torchvision import transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.rest = nn.Dropout(0.0)

    def forward(self, batch):
        return F.dropout(self.layer(batch), 0.1)


def train(data, path, resume):
    model, loader = Net(), DataLoader(data, batch_size=8, shuffle=True)
    optimizer = AdamW(model.parameters())
    start = 0
    if resume:
        checkpoint = torch.load(path)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        start = checkpoint["epoch"]
    for epoch in range(start, 10):
        for batch in loader:
            model(batch).sum().backward()
            optimizer.step()
        state = {  # error: SR010: the dropout (line 18)
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        state["epoch"] = epoch
        torch.save(state, path)
        # Once is enough.
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "best.pt")


def weights(model, path):
    torch.save({"model": model.state_dict(), "classes": 3}, path)


transform = transforms.Compose([transforms.RandomCrop(32), transforms.ToTensor()])
random.random()
