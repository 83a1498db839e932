"""What importing samerun adds to importing torch, each time in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.harness import Comparison, Target

_ADDED = """
import torch
from time import perf_counter

start = perf_counter()
import samerun

for name in samerun.__all__:
    getattr(samerun, name)
print(perf_counter() - start)
"""

_TORCH = """
from time import perf_counter

start = perf_counter()
import torch

print(perf_counter() - start)
"""


def rows() -> list[Comparison]:
    """Return the row about every public name, which are loaded when they are first used."""
    return [
        Comparison(
            "import samerun, every name",
            "import torch",
            partial(_seconds, _ADDED),
            partial(_seconds, _TORCH),
            Target("ours", 50e-3),
            rounds=9,
        )
    ]


def _seconds(program: str) -> float:
    """Run a program in a fresh process and return the seconds it prints."""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)
