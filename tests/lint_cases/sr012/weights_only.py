import torch


def train(net, optimizer, path):
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, path)


def predict(net, path):
    # The weights alone are what is wanted.
    ckpt = torch.load(path)
    net.load_state_dict(ckpt["net"])
    epoch = ckpt["epoch"]
    return epoch
