import numpy as np
import samerun
import torch


def of_its_own(path, own):
    state = torch.load(path, weights_only=False)  # error: SR029
    own.setstate(state)


def of_another(path, own):
    state = torch.load(path, weights_only=False)  # error: SR029
    own.set_state(state["x"])


def of_a_third(path, own):
    state = torch.load(path, weights_only=False)  # error: SR029
    own.set_rng_state(state["x"])


def all_of_them(path):
    samerun.restore(torch.load(path, weights_only=False))  # error: SR029


def asked(path):
    state = torch.load(path, weights_only=False)  # error: SR029
    return "rng" in state


def popped(path):
    state = torch.load(path, weights_only=False)  # error: SR029
    return state.pop("rng")


def seeds(path):
    state = torch.load(path, weights_only=False)
    np.random.seed(state["number"])


def other_attributes(path, own):
    state = torch.load(path, weights_only=False)
    own.bit_generator.name = state["x"]
    own.machine.state = state["x"]


def weights(path, model, use):
    model.load_state_dict(torch.load(path, weights_only=False))
    model.parts = torch.load(path, weights_only=False)
    use(torch.load(path, weights_only=False))


def others_state(path, model):
    state = torch.load(path, weights_only=False)
    model.load_state_dict(state["x"])
    numbers = torch.load(path, weights_only=True)
    torch.set_rng_state(numbers["rng"])


def other_methods(path):
    state = torch.load(path, weights_only=False)
    ask = state.get
    return ask, state.pop(), state.count("rng")
