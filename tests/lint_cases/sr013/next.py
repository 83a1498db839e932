import torch
from torch.utils.data import DataLoader


def forwarded(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    batches = iter(DataLoader(data, shuffle=True))
    for _ in range(checkpoint["step"]):  # error: SR013: line 6
        next(batches)
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def compared(train_loader, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    batches = iter(train_loader)
    step = 0
    while step < 100:
        batch = next(batches)
        step += 1
        if step <= checkpoint["start"]:  # error: SR013: line 17
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def restored_after(data, model, optimizer, checkpoint, path):
    batches = iter(DataLoader(data, shuffle=True))
    for _ in range(checkpoint["step"]):
        batch = next(batches)
    torch.set_rng_state(checkpoint["rng"])
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
    return batch


def another_iterator(data, others, model, optimizer, checkpoint, path):
    other = iter(others)
    for _ in range(checkpoint["step"]):
        next(other)
    torch.set_rng_state(checkpoint["rng"])
    batches = iter(DataLoader(data, shuffle=True))
    for _ in range(100):
        model(next(batches)).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
