import torch
from torch.utils.data import DataLoader


def save(model, optimizer, path, step):
    torch.save({"model": model.state_dict(), "step": step, "rng": torch.get_rng_state()}, path)


def train(data, model, optimizer, path, resume):
    loader = DataLoader(data, shuffle=True)
    start = 0
    if resume:
        checkpoint = torch.load(path)
        torch.set_rng_state(checkpoint["rng"])
        start = checkpoint["step"]
    for epoch in range(3):
        for step, batch in enumerate(loader):
            if step < start:  # error: SR013: the generators that line 14 has restored
                continue
            model(batch).sum().backward()
            optimizer.step()
            save(model, optimizer, path, step)


def other(data, model, optimizer, path):
    for step, batch in enumerate(DataLoader(data)):
        if step < 5:
            continue
        model(batch).sum().backward()
        save(model, optimizer, path, step)


def read_here_and_there(data, model, optimizer, checkpoint, path):
    rng = torch.get_rng_state()
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(DataLoader(data, shuffle=True)):
        if step < checkpoint["start"]:  # error: SR013
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save([rng, torch.get_rng_state()], path)
