import torch

torch.manual_seed(0)
image = torch.nn.functional.interpolate(torch.rand(1).cuda(), mode="bilinear")  # pedantic: SR028
