"""What generators, moments and numbers are called in sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile

from samerun.determinism import Change
from samerun.tracing.format import Phase, is_untrained
from samerun.tracing.reader import Series

__all__ = ["MOMENTS", "ahead", "change", "count", "generator", "listed", "name", "rates", "sentence", "subject"]

_GENERATORS = {
    "python": "Python's global generator",
    "numpy": "NumPy's global generator",
    "torch.cpu": "torch's CPU generator",
}
_SUBJECTS = {
    "batch": "the batch",
    "loss": "the loss",
    "gradients": "the gradients",
    "scaler": "the gradient scaler",
    "rates": "the learning rates",
    "optimizer": "the optimizer's state",
    "parameters": "the parameters",
    "buffers": "the buffers",
}
#: When in a step something happens.
MOMENTS = {
    Phase.BEFORE_BATCH: "before the batch was fetched",
    Phase.BATCH: "from the batch to the backward pass",
    Phase.GRADIENTS: "when the optimizer began its step",
    Phase.STEPPED: "after the optimizer's step",
}
# Characters of a value that are shown, and of those that are the same in both, if that is too long.
_LONG, _BEFORE = 60, 20


def generator(source: str) -> str:
    """Return what an RNG source is called."""
    return _GENERATORS.get(source, f"the generator {source}")


def name(series: Series) -> str:
    """Return a short name of a series; that of the only optimizer, which is 0, is left out."""
    return series.kind if series.name == "0" else str(series)


def sentence(text: str, labels: Sequence[str]) -> str:
    """Return a text as a sentence; the name of a trace keeps its first letter."""
    begins = text if text.startswith(tuple(labels)) else text[0].upper() + text[1:]
    return f"{begins}."


def subject(series: Series) -> str:
    """Return what a series is about."""
    if series.kind == "rng":
        return generator(series.name)
    if is_untrained(*series):
        return f"the {series.kind} of {series.name}"
    return {
        "output": f"the output of module {series.name}",
        "op": f"a result of {series.name}",
        "draw": f"what was drawn from {generator(series.name)}",
    }.get(series.kind) or _SUBJECTS[series.kind]


def count(number: int, thing: str) -> str:
    """Return a number of things, such as ``1 draw`` and ``3 draws``."""
    ending = "es" if thing.endswith("ch") else "s"
    return f"{number:,} {thing}{'' if number == 1 else ending}"


def ahead(draws: int) -> str:
    """Return how far ahead or behind a number of draws is."""
    return f"{count(abs(draws), 'draw')} {'ahead' if draws > 0 else 'behind'}"


def listed(things: Sequence[str], most: int = 3) -> str:
    """Return things in a row; after some of them only how many more there are."""
    shown = list(things[:most])
    if len(things) > most:
        return f"{', '.join(shown)} and {len(things) - most:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "nothing"


def change(found: Change) -> str:
    """Return an entry that differs, and both values; long ones from a little before they differ."""
    first, second = ("nothing" if value is None else str(value) for value in (found.first, found.second))
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))
    start = shared - _BEFORE if max(len(first), len(second)) > _LONG else 0
    return f"{found.name}: {_short(first, start)} and {_short(second, start)}"


def rates(value: object) -> str:
    """Return learning rates as they were recorded, without brackets for a single one."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return str(value)
    return str(found[0]) if isinstance(found, list) and len(found) == 1 else str(found)


def _short(text: str, start: int) -> str:
    shown = text if start <= 0 else f"…{text[start:]}"
    return shown if len(shown) <= _LONG else f"{shown[: _LONG - 1]}…"
