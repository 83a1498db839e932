import random

import numpy as np
import torch


def resume(path, model, own):
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)  # error: SR029
    model.load_state_dict(checkpoint["model"])
    random.setstate(checkpoint["python"])
    states = torch.load(f"{path}.numpy", weights_only=False)  # error: SR029
    own.bit_generator.state = states[0]
    torch.set_rng_state(torch.load(f"{path}.torch", weights_only=False))  # error: SR029
    if "rng_state" in (more := checkpoint):
        return more
    other = torch.load(path, weights_only=False)  # error: SR029
    return other.get("random_state")


def weights(path, model):
    checkpoint = torch.load(path, weights_only=False)
    model.load_state_dict(checkpoint["model"])
    return checkpoint["epoch"]


def safe(path, only):
    checkpoint = torch.load(path, weights_only=True)
    torch.set_rng_state(checkpoint["rng"])
    default = torch.load(path)
    torch.set_rng_state(default["rng"])
    unknown = torch.load(path, weights_only=only)
    np.random.set_state(unknown["rng"])


def data(path):
    # The same name elsewhere.
    states = torch.load(path, weights_only=False)
    return states["data"]
