import torch


class Resumed:
    def __init__(self, model, path):
        model.load_state_dict(torch.load(path))


def load(model, optimizer, path):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return checkpoint["epoch"]


def look(path):
    return torch.load(path)["epoch"]


def restore(path):
    torch.set_rng_state(torch.load(path))


def those_that_fit(model, checkpoint):
    state = {}
    for name, value in model.state_dict().items():
        try:
            state[name] = checkpoint[name]
        except Exception:  # error: SR030: line 28
            print(name, "is not in it")
            state[name] = value
    model.load_state_dict(state)


def sizes(model, checkpoint):
    state = {}
    for name in model.state_dict():
        try:
            state[name] = checkpoint[name]
        except Exception:
            print(name, "is not in it")
    model.compare(state)
    print(state)
    return state


def known(model, checkpoint):
    state = {}
    try:
        state["head"] = len(checkpoint)
    except Exception:
        print("no head")
    model.load_state_dict(state)
