import random

import torch
from somewhere import set_seed


def train():
    set_seed(1)
    random.random()


def other():
    torch.manual_seed(torch.initial_seed())
