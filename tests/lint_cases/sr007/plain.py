import random
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from somewhere import args, data

from .elsewhere import begin, worker_seed_fn

SEED = 1


def worker_init_fn(worker_id):
    np.random.seed(np.random.get_state()[1][0] + worker_id)  # error: SR007: alike in each epoch


def start(worker_id):
    worker_seed = 42
    np.random.seed(worker_seed)  # error: SR007: all workers are seeded alike
    random.seed(worker_seed)


def number(worker_id):
    random.seed(worker_id)  # error: SR007: alike in each epoch
    np.random.seed(int(args.seed + worker_id) % 2**32)  # error: SR007: alike in each epoch
    torch.manual_seed(get_worker_info().id)  # error: SR007: alike in each epoch


def wrapped(worker_id, rank, seed):
    info = get_worker_info()
    np.random.seed(rank * info.num_workers + worker_id)  # error: SR007: alike in each epoch
    random.seed(rank * 3 + worker_id + seed)  # error: SR007: alike in each epoch


def all_alike(_):
    seed_it(SEED)  # error: SR007: all workers


def seed_it(seed):
    random.seed(seed)


def inside(_):
    fixed_seed()  # error: SR007: all workers


def fixed_seed():
    random.seed(SEED)


DataLoader(data, worker_init_fn=worker_init_fn)
DataLoader(data, worker_init_fn=start)
DataLoader(data, worker_init_fn=number, persistent_workers=False)
DataLoader(data, worker_init_fn=partial(wrapped, rank=0, seed=SEED))
DataLoader(data, worker_init_fn=all_alike)
DataLoader(data, worker_init_fn=inside)
DataLoader(data, worker_init_fn=lambda _: np.random.seed(SEED))  # error: SR007: all workers
DataLoader(data, worker_init_fn=lambda worker: np.random.seed(worker + SEED))  # error: SR007: alike in each epoch
DataLoader(data, worker_init_fn=np.random.seed)  # error: SR007: alike in each epoch
DataLoader(data, worker_init_fn=begin)  # error: SR007: all workers
DataLoader(data, worker_init_fn=worker_seed_fn)
DataLoader(data, worker_init_fn=lambda _: np.random.seed(torch.initial_seed() % 2**32))
DataLoader(data, worker_init_fn=lambda _: np.random.seed())
DataLoader(data, worker_init_fn=print)


def seed_worker(worker_id):
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed + worker_id)
    np.random.seed(get_worker_info().seed % 2**32)
    np.random.seed(torch.randint(0, 2**31, (1,)).item() + worker_id)
    random.seed(get_worker_info().dataset.epoch)
    if worker_id == 0:
        random.seed(SEED)
    if args.debug:
        random.seed(SEED + worker_id)


def lasting(worker_id):
    np.random.seed(SEED + worker_id)


def unknown(worker_id):
    np.random.seed(SEED + worker_id)


def validation_worker_init(worker_id):
    np.random.seed(SEED)


def init_worker(seed):
    random.seed(seed)


def init_worker_pool():
    random.seed(SEED)


def seed_run(run):
    random.seed(SEED)


DataLoader(data, worker_init_fn=lasting, persistent_workers=True, num_workers=2)
DataLoader(data, worker_init_fn=unknown, **args.loader)
DataLoader(data, worker_init_fn=validation_worker_init, shuffle=False)
