"""Settings and surroundings that change bits: make them deterministic, record them, compare them."""

from samerun.determinism.environment import Change, Environment, compare_environments, environment
from samerun.determinism.flags import Deterministic, Setting, deterministic
from samerun.determinism.hashseed import hash_seed

__all__ = [
    "Change",
    "Deterministic",
    "Environment",
    "Setting",
    "compare_environments",
    "deterministic",
    "environment",
    "hash_seed",
]
