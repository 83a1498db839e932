import random

import torch

random.seed()
random.random()
torch.rand(1)
