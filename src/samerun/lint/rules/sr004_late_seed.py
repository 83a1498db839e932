"""A generator is seeded after it was drawn from.

What it does:
    Follows what the script does from its first line, into the functions that it calls, and finds a seed before which
    the same generator was drawn from: by a model that made its weights, a split, a shuffle. It is silent where the
    draw, or an earlier seed, happens only sometimes.

Why it is bad:
    What was drawn before is not governed by the seed. With Python's generator and NumPy's it is another in each run;
    with torch's it is the same for every seed, and changes with whatever is drawn before it.

Example:
    ::

        model = nn.Linear(2, 1)
        torch.manual_seed(0)

Experiment:
    The seed is the same in both runs, and something was drawn before in the second::

        import torch


        def run(draws):
            torch.rand(draws)
            model = torch.nn.Linear(2, 1)
            torch.manual_seed(0)
            return model.weight


        print("the same weights:", torch.equal(run(0), run(1)))

    It prints::

        the same weights: False

Use instead:
    The seed first::

        torch.manual_seed(0)
        model = nn.Linear(2, 1)

When to silence:
    When what was drawn before is loaded over: weights that come from a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.flow import Event
from samerun.lint.rule import Rule
from samerun.lint.vocabulary import LIBRARIES

__all__ = ["RULE"]

_WHAT = {"draw": "was drawn from", "model": "made the weights of a model", "split": "split the data"}


def _check(file: File) -> Iterable[Finding]:
    drawn: dict[str, Event] = {}
    seeded: set[str] = set()
    for event in file.timeline:
        if event.kind == "unknown-seed":
            return  # it may have seeded anything
        if event.kind in ("seed", "restore"):
            late = [library for library in event.libraries if library in drawn and library not in seeded]
            seeded.update(event.libraries)
            if late and event.kind == "seed":
                yield _finding(file, event, late[0], drawn[late[0]])
        elif event.kind in _WHAT and event.certain:
            for library in event.libraries:
                if library not in seeded:
                    drawn.setdefault(library, event)


def _finding(file: File, seed: Event, library: str, draw: Event) -> Finding:
    place = seed.node if seed.file is file else seed.site
    where = f"{draw.file.where(draw.node)}{'' if draw.file is file else f' of {draw.file.path.name}'}"
    return Finding(
        RULE.code,
        f"{LIBRARIES[library]} is seeded after it {_WHAT[draw.kind]} in {where}",
        file.range(place),
    )


RULE = Rule("SR004", "late-seed", "a generator is seeded after it was drawn from", _check)
