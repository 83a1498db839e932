"""Every random number generator: seeded, captured, restored and isolated."""

from samerun.rng.compare import SourceDiff, StateDiff
from samerun.rng.discovery import find_generators
from samerun.rng.seeding import SeedReport, seed_everything
from samerun.rng.snapshot import capture, restore
from samerun.rng.source import Field, Packed, Source, expect_fields
from samerun.rng.state import RngState
from samerun.rng.stream import Stream, isolate

__all__ = [
    "Field",
    "Packed",
    "RngState",
    "SeedReport",
    "Source",
    "SourceDiff",
    "StateDiff",
    "Stream",
    "capture",
    "expect_fields",
    "find_generators",
    "isolate",
    "restore",
    "seed_everything",
]
