import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, WeightedRandomSampler, random_split


def main(data, options):
    random_split(data, [0.8, 0.2])
    torch.manual_seed(0)
    first = random_split(data, [0.8, 0.2])
    model = nn.Linear(3, 3)
    second = random_split(data, [0.8, 0.2])  # error: SR016: the split changes with what the model draws
    third = random_split(data, [0.8, 0.2], generator=torch.Generator().manual_seed(0))
    torch.randn(3)
    DataLoader(data, shuffle=True)  # error: SR016: the shuffled order changes with what is drawn
    DataLoader(data, 4, True)  # error: SR016: as in line 13
    DataLoader(data)
    DataLoader(data, shuffle=False)
    DataLoader(data, shuffle=options.shuffle)
    DataLoader(data, shuffle=True, generator=torch.Generator().manual_seed(0))
    DataLoader(data, shuffle=True, **options)
    RandomSampler(data)  # error: SR016: the sampled order
    RandomSampler(data, generator=torch.Generator().manual_seed(0))
    WeightedRandomSampler([1, 2], 2)  # error: SR016
    SequentialSampler(data)
    torch.manual_seed(1)
    random_split(data, [0.8, 0.2])
    torch.randn(3)
    for _ in range(2):
        DataLoader(data, shuffle=True)  # error: SR016
    again(data)
    torch.randn(3)
    again(data)
    return first, second, third, model


def again(data):
    DataLoader(data, shuffle=True)  # error: SR016


main()
