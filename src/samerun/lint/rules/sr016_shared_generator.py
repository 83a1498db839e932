"""What shuffles and splits draws from the same generator as the model's weights, unless it is given its own.

What it does:
    Finds loaders with ``shuffle=True``, ``RandomSampler`` and its like and ``random_split`` without ``generator=``, in
    files that seed torch, where torch's generator is drawn from between the seed and them: by a model that makes its
    weights, by noise. Only with ``--pedantic``, or where the rule is selected by its code: nothing is wrong until the
    file is changed.

Why it is bad:
    The order of the data depends on how much was drawn before. A layer more, a plot of random samples, a check that
    draws: and the split and the batches are others, with the same seed. Two models are then not compared on the same
    data, and what was tested on may be trained on.

Example:
    ::

        torch.manual_seed(0)
        model = nn.Linear(20, 2)
        train_set, test_set = random_split(data, [0.8, 0.2])

Experiment:
    The seed is the same, and a layer is added::

        import torch
        from torch.utils.data import random_split


        def run(layers, generator=None):
            torch.manual_seed(0)
            for _ in range(layers):
                torch.nn.Linear(2, 2)
            return random_split(range(8), [4, 4], generator=generator)[1].indices


        own = [torch.Generator().manual_seed(0) for _ in range(2)]
        print("shared, the same split:", run(1) == run(2))
        print("of its own, the same split:", run(1, own[0]) == run(2, own[1]))

    It prints::

        shared, the same split: False
        of its own, the same split: True

Use instead:
    ::

        own = torch.Generator().manual_seed(seed)
        train_set, test_set = random_split(data, [0.8, 0.2], generator=own)

    ``samerun.DataLoader`` makes the order of the seed and the epoch alone.

When to silence:
    When the script is finished, and what it draws does not change any more.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from samerun.lint.at_hand import seed_at
from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.flow import Event
from samerun.lint.rule import Rule
from samerun.lint.syntax import is_constant
from samerun.lint.vocabulary import CPU, LOADERS

__all__ = ["RULE"]

_WHAT = {"loader": "the shuffled order", "sampler": "the sampled order", "split": "the split"}
_DRAWN = {"draw": "is drawn", "model": "the model draws", "split": "is split"}


def _check(file: File) -> Iterable[Finding]:
    seeded = False
    drawn: Event | None = None
    told: set[ast.AST] = set()
    for event in file.timeline:
        if event.kind == "seed" and CPU in event.libraries:
            seeded, drawn = True, None
        elif event.kind == "unknown-seed":
            seeded, drawn = False, None
        elif seeded and drawn is not None and event.node not in told and _shuffles(event):
            told.add(event.node)
            yield _finding(file, event, drawn)
        if event.kind in _DRAWN and CPU in event.libraries:
            drawn = event


def _shuffles(event: Event) -> bool:
    """Return whether an event orders data by torch's global generator."""
    if event.kind in ("sampler", "split"):
        return CPU in event.libraries
    if event.kind != "loader" or event.name not in LOADERS:
        return False
    call, file = event.node, event.file
    assert isinstance(call, ast.Call)
    shuffle = file.argument(call, "shuffle", 2)
    own = file.argument(call, "generator") is not None or file.has_unpacking(call)
    return is_constant(shuffle, True) and not own


def _finding(file: File, event: Event, drawn: Event) -> Finding:
    changes = f"{_WHAT[event.kind]} changes with what {_DRAWN[drawn.kind]} from torch's generator before"
    return Finding(RULE.code, f"{changes}, as in {drawn.where(file)}", file.range(event.place(file)), _fix(file, event))


def _fix(file: File, event: Event) -> Fix | None:
    """Return a generator of its own, where torch goes by its name; in a loop it would begin anew in each round."""
    call = event.node
    if event.file is not file or not isinstance(call, ast.Call) or event.loop is not None:
        return None
    bindings = file.index.module.names.get("torch", [])
    if len(bindings) != 1 or bindings[0].source is None or bindings[0].source.module != "torch":
        return None
    text = f"generator=torch.Generator().manual_seed({seed_at(file, call)})"
    return Fix((file.add_argument(call, text),), False, f"add {text}")


RULE = Rule(
    "SR016",
    "shared-generator",
    "what shuffles or splits shares torch's generator with other draws",
    _check,
    pedantic=True,
)
