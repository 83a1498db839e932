import torch
from speed import prepare

prepare("cuda")
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
