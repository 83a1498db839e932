"""Two files of weights."""

import torch
from torch import nn

for seed, side in enumerate("ab"):
    torch.manual_seed(seed)
    torch.save(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).state_dict(), f"{side}/pretrained.pt")
