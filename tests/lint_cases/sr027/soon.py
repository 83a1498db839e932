import os

import torch


def train(model, data):
    for row in data:
        model(row).sum().backward()


def strict():
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)


for fold in range(3):
    strict()
    train(torch.nn.Linear(1, 1), [])
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
