import torch
from speed import prepare


def main():
    device = prepare("cuda")
    torch.backends.cudnn.deterministic = True  # error: SR025: which line 5 of speed.py turns on
    return device


main()
