import torch
from setup_run import prepare

prepare(3)
torch.backends.cudnn.benchmark = True  # error: SR024: although the file seeds
