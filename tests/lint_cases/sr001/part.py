import random

import torch
from seeds import seed_torch

seed_torch(3)  # error: SR001: Python's random, which line 7 draws from
random.random()
torch.rand(1)
