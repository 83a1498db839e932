import datetime as dt
import hashlib
import os
import random
import secrets
import time
import uuid
import zlib
from datetime import datetime
from time import time as now

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from torch.utils.data import RandomSampler

from somewhere import args, config, log, set_seed

random.seed(time.time())  # error: SR008: made of the time
random.seed(now())  # error: SR008: made of the time
np.random.seed(int(time.time() * 1000) % 2**32)  # error: SR008
np.random.seed(datetime.now().microsecond)  # error: SR008
torch.manual_seed(int(dt.datetime.now().timestamp()))  # error: SR008
torch.manual_seed(args.seed + os.getpid())  # error: SR008: the number of the process
set_seed(int.from_bytes(os.urandom(4), "big"))  # error: SR008: entropy
set_seed(secrets.randbelow(100))  # error: SR008
np.random.seed(uuid.uuid4().int % 2**32)  # error: SR008: a UUID
random.seed(id(config))  # error: SR008: an address
random.seed(hash("setting random seeds") % 2**32 - 1)  # error: SR008: hash() of a text
RandomForestClassifier(random_state=int(time.time()))  # error: SR008

seed = int(time.time())  # error: SR008
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)


def of_a_name(name, split: str, thing, fold: int):
    random.Random(hash(name))  # error: SR008: hash() of a text
    np.random.default_rng(abs(hash(split)) % 2**32)  # error: SR008
    np.random.default_rng([args.seed, hash(f"{fold}-{thing}")])  # error: SR008
    random.Random(hash(thing))  # pedantic: SR008: made of hash()
    random.Random(hash((thing, 1)))  # pedantic: SR008
    random.Random(hash((name, fold)))  # error: SR008
    random.Random(hash((args.seed, fold, 3)))
    random.Random(hash(fold))
    random.Random(zlib.crc32(name.encode()))
    random.Random(int(hashlib.md5(name.encode()).hexdigest(), 16))
    return RandomSampler(thing)


def started(seed=None):
    if seed is None:
        seed = int(time.time())  # pedantic: SR008
    random.seed(seed)
    np.random.seed(args.seed or int(time.time()))  # pedantic: SR008
    torch.manual_seed(int(time.time()) if args.seed < 0 else args.seed)  # pedantic: SR008
    if args.seed:
        set_seed(args.seed)
    else:
        set_seed(int(time.time()))  # pedantic: SR008
    random.seed(config.get("start", time.time()))  # pedantic: SR008


jitter = random.Random(time.time())  # pedantic: SR008


def port():
    state = random.getstate()
    random.seed(os.getpid())  # pedantic: SR008
    found = random.randint(2000, 3000)
    random.setstate(state)
    return found


def worker(_):
    seed = uuid.uuid4().int % 2**32  # error: SR008
    torch.set_rng_state(torch.manual_seed(seed).get_state())


told = time.time_ns()  # pedantic: SR008
log.info(f"seed {told}")
random.seed(told)

# A seed that is none of these, and a time that is no seed.
began = time.time()
run = config.load(begin=time.time())
random.seed(run.seed)
random.seed(config.pick(began))
random.seed(random.getrandbits(32))
torch.manual_seed(args.seed)
np.random.seed(uuid.uuid5(uuid.NAMESPACE_DNS, "x").int % 2**32)
environment = config.make()
environment.seed(int(time.time()))
print(time.time() - began, hash("a"), os.getpid())


def mine(hash, time):
    random.seed(hash("a"))
    random.seed(time.time())
