import torch
from torch.utils.data import DataLoader

torch.nn.Linear(3, 3)
DataLoader([], shuffle=True)
