import samerun
import torch
from torch.utils.data import DataLoader, DistributedSampler


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


def restored_within(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["of the epoch"])
    for step, batch in enumerate(DataLoader(data, shuffle=True)):
        if step == 0:
            torch.set_rng_state(checkpoint["rng"])
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def skipped(data, model, optimizer, checkpoint, path):
    # SR013 finds it.
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(DataLoader(data, shuffle=True)):
        if step < checkpoint["start"]:
            if step % 10 == 0:
                print(step)
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def trains_nothing(test_loader, model, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for batch in test_loader:
        torch.save([model(batch), torch.get_rng_state()], path)


def of_a_sampler(data, model, optimizer, checkpoint, path):
    sampler = DistributedSampler(data)
    torch.set_rng_state(checkpoint["rng"])
    for index in sampler:
        model(data[index]).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
