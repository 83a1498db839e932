"""The experiments there are: every module of ``samerun.lab.experiments`` has one, named ``EXPERIMENT``."""

from __future__ import annotations

from functools import cache

from samerun.lab import experiments as package
from samerun.lab.experiment import Experiment
from samerun.plugins import members

__all__ = ["all_experiments", "find_experiment"]


@cache
def all_experiments() -> tuple[Experiment, ...]:
    """Return all experiments in the order of their numbers."""
    return tuple(sorted(members(package, "EXPERIMENT"), key=lambda experiment: experiment.number))


def find_experiment(name: str) -> Experiment:
    """Return the experiment of a name or a number, such as ``"worker-seeds"`` or ``"2"``.

    Raises:
        KeyError: if there is none, with the names there are.
    """
    for found in all_experiments():
        if name in (found.name, str(found.number)):
            return found
    names = ", ".join(found.name for found in all_experiments())
    raise KeyError(f"there is no experiment {name!r}; there are: {names}")
