import torch

total = torch.zeros(3).cuda()
total.index_add_(0, torch.tensor([0]), torch.rand(1))
