import torch


def save(net, optimizer, scheduler, path):
    state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, path)


def load(pieces, optimizer, path):
    checkpoint = torch.load(path)
    optimizer.load_state_dict(checkpoint["optimizer"])
    for name, state in checkpoint.items():
        pieces.load(name, state)
