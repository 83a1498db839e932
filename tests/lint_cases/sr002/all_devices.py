import torch

torch.manual_seed(0)
torch.cuda.manual_seed(0)  # pedantic: SR002: superfluous
