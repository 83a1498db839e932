import os

import torch


def train(model, data):
    for row in data:
        model(row).sum().backward()


def strict():
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # error: SR027: is set after line 8 has trained
    torch.use_deterministic_algorithms(True)


train(torch.nn.Linear(1, 1), [])
strict()
