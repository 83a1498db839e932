import torch

torch.cuda.set_device(1)
torch.cuda.manual_seed(0)
