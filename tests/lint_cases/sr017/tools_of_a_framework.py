# Something of a package is used, but the loop is the file's own.
from catalyst.utils import any2device
from torch.utils.data import DataLoader, DistributedSampler

sampler = DistributedSampler(dataset)  # error: SR017
loader = DataLoader(dataset, sampler=sampler)
for epoch in range(3):
    for batch in loader:
        model(any2device(batch, device)).backward()
