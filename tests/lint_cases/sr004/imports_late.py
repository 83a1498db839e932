import torch

torch.nn.Linear(1, 2)

import seeds_when_imported  # error: SR004: in line 3
