import numpy as np
from torch.utils.data import Dataset, DataLoader


class Noisy(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return self.rng.random()


def start(worker):
    dataset.rng = np.random.default_rng(worker)


dataset = Noisy()
DataLoader(dataset, num_workers=4, worker_init_fn=start)
