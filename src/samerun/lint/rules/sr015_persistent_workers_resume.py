"""Persistent workers keep generators from epoch to epoch that no checkpoint holds.

What it does:
    Finds torch's loaders for training with ``persistent_workers=True`` (or a condition for it) in files that load
    the state of an optimizer, or of generators, to go on with training. Where nothing is seen that restores
    generators or draws in workers it is said under ``--pedantic`` alone.

Why it is bad:
    Each worker's generators are where the epochs before have left them. After a resume new workers begin with a new
    seed, so augmentations are others than in the run that goes on. And this seed is drawn from torch's generator,
    which a run that goes on does once, in its first epoch, and a resumed one again: the order of its data is another
    one, even if all generators were restored and no worker draws.

Example:
    ::

        loader = DataLoader(data, shuffle=True, num_workers=4, persistent_workers=True)
        ...
        optimizer.load_state_dict(checkpoint["optimizer"])

Experiment:
    The order of the second epoch, of a run that goes on and of one that is resumed before it::

        import torch
        from torch.utils.data import DataLoader


        def second_epoch(persistent, resumed):
            def loader():
                return DataLoader(range(8), shuffle=True, num_workers=1, persistent_workers=persistent)

            torch.manual_seed(0)
            data = loader()
            list(data)
            state = torch.get_rng_state()
            if resumed:
                data = loader()
                torch.set_rng_state(state)
            return [batch.item() for batch in data]


        for persistent in (True, False):
            same = second_epoch(persistent, resumed=False) == second_epoch(persistent, resumed=True)
            print(f"persistent_workers={persistent}: {'the same' if same else 'another'} order")

    It prints::

        persistent_workers=True: another order
        persistent_workers=False: the same order

Use instead:
    Workers that begin anew in each epoch::

        loader = DataLoader(data, shuffle=True, num_workers=4)

    Or ``samerun.DataLoader``, whose order and whose items follow from the seed and the epoch, whichever worker makes
    them and however long it has been there.

When to silence:
    When a resumed run need not be the same as one that was never interrupted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from samerun.lint.checkpoints import name_of
from samerun.lint.draws import training_draws
from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import is_off
from samerun.lint.vocabulary import act

__all__ = ["RULE"]

_OTHERS = re.compile(r"val|test|eval|dev|infer|pred|query|gallery", re.IGNORECASE)


def _check(file: File) -> Iterable[Finding]:
    loaders = [(call, value) for call in _loaders(file) if (value := _persistent(file, call)) is not None]
    if not loaders:
        return
    restores = file.does("restore") or any(event.kind == "restore" for event in file.timeline)
    if not restores and not file.checkpoints.resumes:
        return
    matters = restores or any(draw.kind in ("transform", "item") for draw in training_draws(file))
    for call, value in loaders:
        fix = Fix((file.replace(value, "False"),), False, "let workers begin anew in each epoch")
        message = "persistent workers keep generators that the resume cannot bring back"
        yield Finding(RULE.code, message, file.range(call), fix, pedantic=not matters)


def _loaders(file: File) -> Iterable[ast.Call]:
    for name, calls in file.called.items():
        what = act(name)
        if what is not None and what.kind == "loader" and not name.startswith("samerun."):
            yield from (call for call in calls if _trains(file, call))


def _trains(file: File, call: ast.Call) -> bool:
    """Return whether a loader is one for training: it shuffles or has a sampler, and is not called otherwise."""
    around = file.parent(call)
    names = [name_of(target) for target in around.targets] if isinstance(around, ast.Assign) else []
    function = file.enclosing(call, ast.FunctionDef)
    names += [function.name] if function is not None and isinstance(around, ast.Return) else []
    if any(_OTHERS.search(name) for name in names):
        return False
    shuffle = file.argument(call, "shuffle", 2)
    given = [shuffle, *(file.argument(call, name) for name in ("sampler", "batch_sampler"))]
    return any(value is not None and not is_off(value) for value in given)


def _persistent(file: File, call: ast.Call) -> ast.expr | None:
    value = file.argument(call, "persistent_workers")
    return None if is_off(value) else value


RULE = Rule("SR015", "persistent-workers-resume", "persistent workers keep generators that no checkpoint holds", _check)
