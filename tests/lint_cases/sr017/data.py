from torch.utils.data import DataLoader, DistributedSampler


def loaders(data):
    sampler = DistributedSampler(data)
    return DataLoader(data, sampler=sampler), DataLoader(data, sampler=DistributedSampler(data, seed=1))
