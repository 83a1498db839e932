import os
import random
import time

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset, Sampler

from samerun.derive import derive
from somewhere import args, cfg, data, env, runs, set_seed, utils

rank = int(os.environ["RANK"])
torch.manual_seed(args.seed + rank)  # error: SR009: the rank is added to a seed
torch.manual_seed(rank + 42)  # pedantic: SR009
np.random.seed(args.seed + dist.get_rank())  # error: SR009: the rank
set_seed((args.seed + 100 * args.local_rank) % 2**32)  # error: SR009
utils.init_seeds(args.seed + 1 + rank)  # error: SR009
random.Random(args.seed ^ cfg.epoch)  # error: SR009: the epoch
np.random.default_rng(args.seed * (rank + 1) + cfg.epoch)  # error: SR009
seed = args.seed + utils.get_rank()  # error: SR009
random.seed(seed)
np.random.seed(seed)
cfg.seed = cfg.seed + rank  # error: SR009
args.seed += args.local_rank  # error: SR009: the rank
set_seed(cfg.epoch + rank)  # error: SR009


def set_seeds(args, rank=0):
    random.seed(args.seed + rank)  # error: SR009
    np.random.seed(args.seed + rank)
    torch.manual_seed(args.seed + rank)


class Order(Sampler):
    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)  # error: SR009: the epoch is added
        return iter(torch.randperm(3, generator=generator))


class Items(Dataset):
    def __getitem__(self, index):
        return np.random.default_rng(self.seed + index)  # error: SR009: the item is added


class Noisy(Dataset):
    def __getitem__(self, index):
        with numpy_seed(self.seed + index):  # error: SR009: the item is added
            return np.random.rand(3)


def noise(self, t):
    generator = torch.Generator()
    generator.manual_seed(self.noise_seed + t)  # error: SR009: the step is added
    return torch.rand(1, generator=generator)


def update(self):
    seed = self.cfg.seed + self.get_num_updates()  # error: SR009: the step is added
    utils.prepare(seed)


def batches(self, epoch):
    return self.task.batches(seed=(self.cfg.seed + epoch) if self.cfg.again else self.cfg.seed)  # error: SR009: the epoch


def lasting(worker_id):
    np.random.seed(args.seed + worker_id)  # error: SR009: the worker


def worker_init_fn(worker_id):
    np.random.seed(cfg.seed + worker_id)  # SR007 says what is wrong here
    worker_seed = torch.initial_seed() % 2**32
    random.seed(worker_seed + worker_id)


DataLoader(data, worker_init_fn=lasting, persistent_workers=True)
DataLoader(data, worker_init_fn=worker_init_fn)

# Other seeds, far away from each other, and drawn ones.
torch.manual_seed(args.seed)
torch.manual_seed(rank)
torch.manual_seed(cfg.epoch + 1)
torch.manual_seed(args.seed + 1)
torch.manual_seed(args.seed + 100_000 * rank)
torch.manual_seed(args.seed * 1000 + rank)
torch.manual_seed(args.seed * dist.get_world_size() + rank)
torch.manual_seed(args.num_gpus * args.seed + rank)
torch.manual_seed(args.seed - args.local_rank)
np.random.default_rng(data.worker_seed() + cfg.epoch)
args.seed += 1
args.total += rank
np.random.default_rng([args.seed, rank])
np.random.SeedSequence((args.seed, cfg.epoch))
torch.manual_seed(derive(args.seed, "rank", rank))
np.random.seed(np.random.randint(2**31) + rank)
random.seed(int(time.time()) + rank)
torch.manual_seed(args.seed + args.num_epoch + cfg.max_rank)
env.seed(args.seed + 2 * rank)
env_seed = args.seed + 3 * rank
make_env(seed=args.seed + 5 * rank)
make(env_seed=args.seed + 6 * rank, size=args.seed + 7 * rank)
with open(args.seed + 8 * rank), seeded(args.seed):
    pass
print(args.seed + 4 * rank, dist.get_rank() + cfg.epoch)

# Each round is a training of its own.
for i in range(runs):
    set_seed(args.seed + i)
for fold, index in enumerate(runs):
    random.seed(args.seed + fold)
    random.seed(args.seed + index)
