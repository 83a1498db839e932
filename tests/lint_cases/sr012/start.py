import numpy as np
import torch


def train(net, optim, path, resume):
    first = start_epoch = 0
    if resume:
        ckpt = torch.load(path)
        net.load_state_dict(ckpt.get("net"))  # error: SR012: "optim" and "numpy"
        start_epoch = ckpt["epoch"] + 1
    for epoch in range(start_epoch, 10):
        state = {"epoch": epoch, "net": net.state_dict(), "numpy": np.random.get_state(), "optim": optim.state_dict()}
        torch.save(state, path)
    return first
