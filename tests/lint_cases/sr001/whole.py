import random

import torch

import seeds

seeds.seed_everything(3)
random.random()
torch.rand(1)
