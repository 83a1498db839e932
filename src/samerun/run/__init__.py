"""A training that goes on exactly where it stopped."""

from samerun.run.forgotten import Forgotten
from samerun.run.run import Run

__all__ = ["Forgotten", "Run"]
