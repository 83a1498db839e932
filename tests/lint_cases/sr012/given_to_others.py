import torch

from somewhere import the_rest


def save(net, optimizer, scheduler, path):
    state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, path)


def load(net, optimizer, path):
    checkpoint = torch.load(path)
    net.load_state_dict(checkpoint["net"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    the_rest(checkpoint)
