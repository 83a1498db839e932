import torch

torch.manual_seed(0)
total = torch.zeros(3)
total.index_add_(0, torch.tensor([0]), torch.rand(1))  # pedantic: SR028
