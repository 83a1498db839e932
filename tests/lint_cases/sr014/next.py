import torch
from torch.utils.data import DataLoader, Subset


def train(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])  # error: SR014: before iter of line 7 begins
    batches = iter(DataLoader(Subset(data, range(checkpoint["step"], 100))))
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def in_the_loop(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for _ in range(100):
        batches = iter(DataLoader(data))
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def no_loader(steps, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    numbers = iter(steps)
    for _ in range(100):
        model(next(numbers)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def sentinel(train_loader, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    batches = iter(train_loader, None)
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def not_next(train_loader, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    batches = sorted(train_loader)
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
