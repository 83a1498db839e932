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


def restored_below(data, model, optimizer, path):
    resume(path)
    batches = iter(DataLoader(data))
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def resume(path):
    torch.set_rng_state(torch.load(path)["rng"])  # error: SR014


def in_one_line(data, step, checkpoint):
    torch.set_rng_state(checkpoint["rng"])  # error: SR014
    batches = iter(DataLoader(data))
    for _ in range(100):
        step(next(batches), torch.get_rng_state())


def sometimes(data, step, checkpoint):
    torch.set_rng_state(checkpoint["rng"])  # error: SR014
    batches = iter(DataLoader(data))
    for _ in range(100):
        if step(next(batches)):
            torch.save(torch.get_rng_state(), "last.pt")


def of_others(batches, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    first = next(batches)
    for _ in range(100):
        model(first, next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def the_first(data, model, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    batches = iter(DataLoader(data))
    torch.save([model(next(batches)), torch.get_rng_state()], path)
