import torch


def resume(path):
    # In a line that is one of the loop of those that call it.
    #
    #
    #
    #
    checkpoint = torch.load(path)
    torch.set_rng_state(checkpoint["rng"])
    return checkpoint["step"]
