import itertools

import samerun
import torch
from torch.utils.data import DataLoader


def restored_after(data, model, optimizer, checkpoint, path):
    torch.manual_seed(checkpoint["seed"])
    for step, batch in enumerate(DataLoader(data, shuffle=True)):
        if step < checkpoint["start"]:
            if step == checkpoint["start"] - 1:
                torch.set_rng_state(checkpoint["rng"])
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def of_the_epoch(data, model, optimizer, checkpoint, path):
    loader = DataLoader(data, shuffle=True)
    torch.set_rng_state(checkpoint["rng"])
    for _ in range(3):
        rng = torch.get_rng_state()
        for step, batch in enumerate(loader):
            if step < checkpoint["start"]:
                continue
            model(batch).sum().backward()
            optimizer.step()
        torch.save(rng, path)


def own_generator(data, model, optimizer, checkpoint, path):
    own = torch.Generator().manual_seed(0)
    loader = DataLoader(data, shuffle=True, generator=own)
    torch.set_rng_state(checkpoint["rng"])
    for batch in itertools.islice(loader, checkpoint["start"], None):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def ours(data, model, optimizer, checkpoint, path):
    loader = samerun.DataLoader(data, shuffle=True)
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(loader):
        if step < checkpoint["start"]:
            continue
        model(batch).sum().backward()
        torch.save(torch.get_rng_state(), path)


def every_other(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(DataLoader(data)):
        if step % 2:
            continue
        model(batch).sum().backward()
        torch.save(torch.get_rng_state(), path)


def restored_twice(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["of the epoch"])
    for step, batch in enumerate(DataLoader(data, shuffle=True)):
        if step < checkpoint["start"]:
            if step == checkpoint["start"] - 1:
                torch.set_rng_state(checkpoint["rng"])
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def told_from_then_on(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(DataLoader(data)):
        if step > checkpoint["start"]:
            print(step)
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def left_out(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(DataLoader(data)):
        if step < 5:
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def together(data, model, optimizer, checkpoint, path, names, weights):
    torch.set_rng_state(checkpoint["rng"])
    for batch, name, weight in zip(DataLoader(data), names, weights, strict=True):
        (model(batch, name) * weight).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
