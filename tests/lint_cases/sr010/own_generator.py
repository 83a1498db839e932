import torch
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler, SequentialSampler


class Net(torch.nn.Module):
    def __init__(self, own):
        super().__init__()
        self.own = own

    def forward(self, batch):
        return batch + torch.randn(3, generator=self.own)


def train(data, model, optimizer, path, own, rank):
    first = DataLoader(data, shuffle=True, generator=own)
    other = DataLoader(data, sampler=RandomSampler(data, generator=own))
    kind = SequentialSampler if rank == -1 else DistributedSampler
    third = DataLoader(data, sampler=kind(data))
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in zip(first, other, third):
        model(batch).sum().backward()
        optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
