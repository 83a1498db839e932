from torch.utils.data import DataLoader, DistributedSampler

for batch in DataLoader([], sampler=DistributedSampler([])):
    model(batch).backward()
