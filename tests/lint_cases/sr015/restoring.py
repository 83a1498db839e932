import torch


def resume(path):
    torch.set_rng_state(torch.load(path)["rng"])
