"""Draws that tests compare, straight from the libraries."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def draw() -> tuple[Any, ...]:
    """Draw from the three global generators, also their gaussians, which are cached in pairs."""
    return (
        random.random(),
        random.gauss(0, 1),
        np.random.random_sample(),
        np.random.standard_normal(),
        torch.rand(()).item(),
        torch.empty((), dtype=torch.float64).normal_().item(),
    )


def bare_states() -> tuple[Any, ...]:
    """Return the states of the three global generators as comparable values, by the libraries' own functions."""
    kind, key, position, has_gauss, gauss = np.random.get_state()
    return random.getstate(), (kind, key.tobytes(), position, has_gauss, gauss), torch.get_rng_state().numpy().tobytes()
