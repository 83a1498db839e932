import torch
from torch.utils.data import DataLoader


def get_batch(data):
    start = torch.randint(len(data), (8,))
    return data[start]


def main(data, model, opt, path):
    for step in range(100):
        model(get_batch(data)).sum().backward()
        opt.step()
    state = {}
    state["net"] = model.module.state_dict()  # error: SR010: what a step draws (line 6)
    state["opt"] = opt.state_dict()
    torch.save(state, path)


def resume(model, opt, path):
    state = torch.load(path)
    model.load_state_dict(state["net"])
    opt.load_state_dict(state["opt"])
