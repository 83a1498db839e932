"""``cudnn.deterministic`` leaves cuDNN's benchmark on where something turns it on.

What it does:
    Finds ``torch.backends.cudnn.deterministic = True`` in files that say nothing of ``benchmark`` while what they
    import or call sets it to ``True``. Where nothing is seen to set it, and where it is set to what a variable says,
    it says so under ``--pedantic``: torch begins with ``False``, and other code may change it.

Why it is bad:
    The two flags do not know of each other. ``deterministic`` takes algorithms that repeat themselves,
    ``benchmark`` takes the fastest of those by the time they took in this run, and two of them add in different
    orders.

Example:
    ::

        from speed import prepare

        prepare()  # sets torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.deterministic = True

Experiment:
    Asking for determinism, in either way, does not turn benchmark off; only setting it does::

        import torch

        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.deterministic = True
        print("benchmark:", torch.backends.cudnn.benchmark)
        torch.use_deterministic_algorithms(True)
        print("benchmark:", torch.backends.cudnn.benchmark)
        torch.backends.cudnn.benchmark = False
        print("benchmark:", torch.backends.cudnn.benchmark)

    It prints::

        benchmark: True
        benchmark: True
        benchmark: False

Use instead:
    ::

        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False

When to silence:
    When nothing in the process turns benchmark on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import is_constant

__all__ = ["RULE"]

_BENCHMARK = "torch.backends.cudnn.benchmark"


def _check(file: File) -> Iterable[Finding]:
    found = [node for node, value in file.assigned("torch.backends.cudnn.deterministic") if is_constant(value, True)]
    if not found:
        return
    said = [value for _, value in file.assigned(_BENCHMARK)]
    if any(isinstance(value, ast.Constant) for value in said):
        return
    elsewhere = None
    for event in file.timeline:
        if event.kind == "flag" and event.name == _BENCHMARK and event.file is not file:
            around = event.file.parent(event.node)
            elsewhere = event if isinstance(around, ast.Assign) and is_constant(around.value, True) else None
    for node in found:
        fix = None
        if elsewhere is not None:
            where = f"{elsewhere.file.where(elsewhere.node)} of {elsewhere.file.path.name}"
            message = f"cudnn.deterministic does not turn benchmark off, which {where} turns on"
        elif said:
            message = "cudnn.deterministic does not turn benchmark off, which a variable may turn on"
        else:
            message = "cudnn.deterministic does not turn benchmark off, should other code have turned it on"
        if not said and isinstance(node, ast.Attribute):
            edit = file.add_line(node, f"{file.segment(node.value)}.benchmark = False")
            fix = Fix((edit,), elsewhere is None, "set benchmark to False") if edit is not None else None
        yield Finding(RULE.code, message, file.range(node), fix, pedantic=elsewhere is None)


RULE = Rule(
    "SR025",
    "deterministic-with-benchmark",
    "cudnn.deterministic leaves benchmark on where something turns it on",
    _check,
)
