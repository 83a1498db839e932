"""``torch.cuda.manual_seed`` seeds the current device alone.

What it does:
    Finds ``torch.cuda.manual_seed`` in files that nowhere call ``torch.manual_seed``, which would have seeded all
    devices, and nowhere choose one device for the process. Where both are called the call is superfluous, which
    is said under ``--pedantic``. A function that is run in a process of its own, by ``torch.multiprocessing.spawn``
    or a ``Process``, has nothing of what was seeded outside it.

Why it is bad:
    The other devices keep the generators they have, so dropout and whatever else is drawn on them differs from run
    to run. With one device it does no harm, until there are two.

Example:
    ::

        torch.cuda.manual_seed(seed)

Experiment:
    Two generators of the CPU stand for those of two devices::

        from unittest.mock import patch

        import torch

        devices = (torch.Generator(), torch.Generator())
        for device in devices:
            device.manual_seed(1)
        now = {"_lazy_call": lambda call, **_: call(), "current_device": lambda: 0, "device_count": lambda: 2}
        with patch.multiple("torch.cuda.random", **now), patch("torch.cuda.default_generators", devices):
            torch.cuda.manual_seed(42)
            print("manual_seed:", [device.initial_seed() for device in devices])
            torch.cuda.manual_seed_all(42)
            print("manual_seed_all:", [device.initial_seed() for device in devices])

    It prints::

        manual_seed: [42, 1]
        manual_seed_all: [42, 42]

Use instead:
    ``torch.manual_seed(seed)``, which seeds the CPU and all devices, or::

        torch.cuda.manual_seed_all(seed)

When to silence:
    When each device is to have another seed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.vocabulary import SPAWNS

__all__ = ["RULE"]

# Each says that the process, or the block, is about one device.
_CHOOSES = ("torch.cuda.set_device", "torch.accelerator.set_device_index", "torch.cuda.device")
_SEEDS_ALL = ("torch.manual_seed", "torch.cuda.manual_seed_all")
_PROCESSES = ("torch.multiprocessing.Process", "multiprocessing.Process")


def _check(file: File) -> Iterable[Finding]:
    calls = file.calls("torch.cuda.manual_seed")
    if not calls or file.calls(*_CHOOSES):
        return
    others = file.calls(*_SEEDS_ALL)
    processes = _processes(file)
    for call in calls:
        own = processes.intersection(file.around(call))
        superfluous = any(own <= {*file.around(other)} for other in others)
        message = (
            "torch.cuda.manual_seed is superfluous: the file seeds all devices by another call, and the line can go"
            if superfluous
            else "torch.cuda.manual_seed seeds the current device alone; manual_seed_all seeds all of them"
        )
        fix = None if superfluous else _fix(file, call)
        yield Finding(RULE.code, message, file.range(call), fix, pedantic=superfluous)


def _processes(file: File) -> set[ast.AST]:
    """Return the functions that are run in processes of their own."""
    given = [file.argument(call, "fn", 0) for call in file.calls(*SPAWNS)]
    given += [file.argument(call, "target", 1) for call in file.calls(*_PROCESSES)]
    found = [file.definition(one) for one in given if one is not None]
    return {one.node for one in found if one is not None and one.file is file}


def _fix(file: File, call: ast.Call) -> Fix | None:
    """Return the other name, where the name is written here: one that was imported would be another import."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr != "manual_seed":
        return None
    edit = file.replace(function, f"{file.segment(function.value)}.manual_seed_all")
    return Fix((edit,), True, "call manual_seed_all")


RULE = Rule("SR002", "one-cuda-device", "torch.cuda.manual_seed seeds the current device alone", _check)
