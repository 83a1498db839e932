import random

import torch


def set_seed(seed=0):
    random.seed(seed)
    torch.manual_seed(seed)


def evaluate(model):
    set_seed(0)
    return model(torch.rand(2))
