import torch
from loader_in_data import loader_of

torch.manual_seed(0)
torch.nn.Linear(3, 3)
loader_of([])  # error: SR016: as in line 5
