"""Settings and surroundings that change bits: make them deterministic, record them, compare them."""

from samerun.determinism.environment import Change, compare_environments, environment
from samerun.determinism.flags import Deterministic, Setting, deterministic
from samerun.determinism.hashseed import hash_seed

__all__ = [
    "Change",
    "Deterministic",
    "Setting",
    "compare_environments",
    "deterministic",
    "environment",
    "hash_seed",
]
