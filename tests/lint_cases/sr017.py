from torch.utils.data import DataLoader, DistributedSampler, RandomSampler
from torch.utils.data.distributed import DistributedSampler as Distributed


def main(dataset, valid_set, model, optimizer, local, options):
    sampler = DistributedSampler(dataset)  # error: SR017: never told the epoch
    another = RandomSampler(dataset) if local else Distributed(dataset, shuffle=True)  # error: SR017
    perhaps = DistributedSampler(dataset, shuffle=options.shuffle)  # pedantic: SR017
    ordered = DistributedSampler(dataset, shuffle=False)
    positional = DistributedSampler(dataset, 2, 0, False)
    valid = DistributedSampler(valid_set)
    test_sampler = DistributedSampler(options.data)
    unpacked = DistributedSampler(dataset, **options)
    loader = DataLoader(dataset, sampler=sampler)
    other = DistributedSampler(dataset)
    valid_loader = DataLoader(dataset, sampler=other)
    for epoch in range(10):
        anew = DistributedSampler(dataset, seed=epoch)
        for batch in loader:
            model(batch).backward()
            optimizer.step()
    return valid_loader, another, perhaps, ordered, positional, valid, test_sampler, unpacked, anew


def eval_loader(data):
    return DataLoader(data, sampler=DistributedSampler(data))


def other(data, DistributedSampler):
    return DistributedSampler(data)


main()
