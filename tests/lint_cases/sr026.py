import lightning.pytorch as pl
import torch
from torch import use_deterministic_algorithms as strict

import samerun


def seed_everything(seed, quietly=False):
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)  # error: SR026: only warns
    strict(mode=True, warn_only=True)  # error: SR026
    torch.set_deterministic_debug_mode("warn")  # error: SR026
    torch.set_deterministic_debug_mode(1)  # error: SR026
    samerun.deterministic(warn_only=True)  # error: SR026
    return pl.Trainer(deterministic="warn")  # error: SR026


def strictly(quietly):
    torch.use_deterministic_algorithms(True)
    torch.use_deterministic_algorithms(True, warn_only=False)
    torch.use_deterministic_algorithms(False, warn_only=True)
    torch.use_deterministic_algorithms(True, warn_only=quietly)
    torch.set_deterministic_debug_mode("error")
    torch.set_deterministic_debug_mode(2)
    samerun.deterministic()
    return pl.Trainer(deterministic=True)
