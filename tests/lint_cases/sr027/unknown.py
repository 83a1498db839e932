import os

import torch
from settings import environment

torch.nn.Linear(1, 1)(torch.ones(1)).backward()
os.environ.update(environment)
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
