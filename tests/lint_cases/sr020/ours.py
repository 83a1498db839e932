import numpy as np
from samerun import DataLoader
from torch.utils.data import Dataset


class Noisy(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return self.rng.random()


DataLoader(Noisy(), num_workers=4)
