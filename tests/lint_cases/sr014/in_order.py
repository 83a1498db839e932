import samerun
import torch
from torch.utils.data import DataLoader


def after_iter(data, model, optimizer, checkpoint, path):
    loader = DataLoader(data, shuffle=True)
    batches = iter(loader)
    torch.set_rng_state(checkpoint["rng"])
    for batch in batches:
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def at_epochs(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    loader = DataLoader(data, shuffle=True)
    for _ in range(3):
        for batch in loader:
            model(batch).sum().backward()
            optimizer.step()
        torch.save(torch.get_rng_state(), path)


def own_generator(data, model, optimizer, checkpoint, path):
    own = torch.Generator().manual_seed(0)
    torch.set_rng_state(checkpoint["rng"])
    for batch in DataLoader(data, shuffle=True, generator=own):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def ours(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for batch in samerun.DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def no_loader(steps, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for step in steps:
        model(step).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def another(data, model, optimizer, checkpoint, path):
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
    torch.set_rng_state(checkpoint["rng"])
