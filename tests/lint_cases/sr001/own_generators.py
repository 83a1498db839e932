import torch

torch.cuda.manual_seed_all(3)
generator = torch.Generator().manual_seed(0)
torch.rand(1, generator=generator)
