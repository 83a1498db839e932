import torch


def train(net, optimizer, scheduler, scaler, path):
    state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()}
    state["scheduler"] = scheduler.state_dict()
    state["scaler"] = scaler.state_dict()
    torch.save(state, path)


def resume(net, optimizer, scheduler, scaler, path):
    checkpoint = torch.load(path)
    net.load_state_dict(checkpoint["net"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    if "scheduler" in checkpoint:
        scheduler.load_state_dict(checkpoint.pop("scheduler"))
    state = checkpoint["scaler"]
    scaler.load_state_dict(state)
    torch.set_rng_state(checkpoint["rng"])
