import torch
from timm import utils
from timm.utils.random import random_seed


def main(args):
    torch.backends.cudnn.benchmark = True  # error: SR024: although the file seeds
    utils.random_seed(args.seed, args.rank)
    random_seed(args.seed)
