import torch

torch.manual_seed(0)

if __name__ == "__main__":
    torch.rand(1)
