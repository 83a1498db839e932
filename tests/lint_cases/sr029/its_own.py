import numpy as np
import torch

from somewhere import set_states


def save(model, optimizer, path):
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": np.random.get_state()}
    torch.save(state, path)


def load(model, optimizer, path):
    state = torch.load(path, weights_only=False)  # error: SR029
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    set_states(state)


def pretrained(model, path):
    state = torch.load(path, weights_only=False)
    model.load_state_dict(state["model"])
