from torch.utils.data import DataLoader, DistributedSampler

for epoch in range(3):
    for batch in DataLoader([], sampler=DistributedSampler([])):
        print(batch)
