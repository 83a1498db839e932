import numpy as np
from torch.utils.data import Dataset, get_worker_info


class Noisy(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        worker = get_worker_info()
        return worker, self.rng.random()
