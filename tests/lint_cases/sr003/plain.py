import os
import random
from os import environ, putenv
from unittest import mock

import numpy as np


def seed_everything(seed):
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)  # error: SR003: too late
    environ["PYTHONHASHSEED"], other = "0", 1  # error: SR003
    np.random.seed(seed)


os.environ.setdefault("PYTHONHASHSEED", "0")  # error: SR003
os.environ.update({"A": "1", "PYTHONHASHSEED": "0"})  # error: SR003
os.environ.update(PYTHONHASHSEED="0")  # error: SR003
putenv("PYTHONHASHSEED", "0")  # error: SR003

# What only reads it, or is about another variable or another mapping.
print(os.environ["PYTHONHASHSEED"], os.environ.get("PYTHONHASHSEED"), os.environ.setdefault("A", "PYTHONHASHSEED"))
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
os.environ.update({"A": "PYTHONHASHSEED"}, **dict(os.environ))
if os.environ.get("PYTHONHASHSEED") != "0":
    raise SystemExit("start me by PYTHONHASHSEED=0 python train.py")
env = os.environ.copy()
env["PYTHONHASHSEED"] = "0"
del os.environ["PYTHONHASHSEED"]
with mock.patch.dict(os.environ, {"PYTHONHASHSEED": "0"}):
    print(env)


def inner(os):
    os.environ["PYTHONHASHSEED"] = "0"
