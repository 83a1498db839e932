import torch
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler


def train(data, model, optimizer, path, rank):
    kind = RandomSampler if rank == -1 else DistributedSampler
    loader = DataLoader(data, sampler=kind(data))
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}  # error: SR010: order of the data (line 6)
    torch.save(state, path)
