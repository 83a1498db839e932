import torch

torch.manual_seed(0)
torch.use_deterministic_algorithms(True)
total = torch.zeros(3, device="cuda")
total.index_add_(0, torch.tensor([0]), torch.rand(1))
