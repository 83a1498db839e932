"""cuDNN's benchmark picks algorithms by the time they take, which is another one in each run.

What it does:
    Finds ``torch.backends.cudnn.benchmark = True``, and Lightning's ``Trainer(benchmark=True)``, in files that
    seed torch or ask for ``cudnn.deterministic``. It is silent where a condition about seeds or determinism chooses,
    and where ``False`` comes after it.

Why it is bad:
    For each new shape of a convolution, benchmark tries the algorithms and keeps the fastest. Which one that is
    depends on what else the machine does. Algorithms add in different orders, so runs with the same seed differ in the
    last bits, and then in everything. ``cudnn.deterministic`` leaves out those that do not repeat themselves, but
    which of the others is taken still depends on the time.

Example:
    ::

        torch.manual_seed(0)
        torch.backends.cudnn.benchmark = True

Experiment:
    Two algorithms for the same sum, one of which may be the fastest in one run and the other in the next::

        import torch

        numbers = torch.tensor([1e8, 1.0, -1e8])


        def from_the_left():
            return ((numbers[0] + numbers[1]) + numbers[2]).item()


        def ends_first():
            return ((numbers[0] + numbers[2]) + numbers[1]).item()


        def run(fastest=from_the_left):
            return fastest()


        print("chosen by the time:", run(fastest=from_the_left), run(fastest=ends_first))
        print("always the same one:", run(), run())

    It prints::

        chosen by the time: 0.0 1.0
        always the same one: 0.0 0.0

Use instead:
    ::

        torch.backends.cudnn.benchmark = False

When to silence:
    When speed counts for more than the same bits, and the seed is for weights and data alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.intent import seeds, sets_flag
from samerun.lint.rule import Rule
from samerun.lint.syntax import Function, is_constant

__all__ = ["RULE"]

_BENCHMARK = "torch.backends.cudnn.benchmark"
_DETERMINISTIC = "torch.backends.cudnn.deterministic"
_CHOICE = re.compile("determin|reproduc|seed|bench", re.IGNORECASE)


def _check(file: File) -> Iterable[Finding]:
    found = [(node, value) for node, value in _on(file) if not _is_chosen(file, node)]
    if not found:
        return
    deterministic = any(is_constant(value, True) for _, value in file.assigned(_DETERMINISTIC)) or sets_flag(file)
    if not deterministic and not seeds(file):
        return
    why = "although the file asks for determinism" if deterministic else "although the file seeds"
    for node, value in found:
        fix = Fix((file.replace(value, "False"),), False, "set it to False")
        message = f"cudnn.benchmark picks algorithms by the time they take, {why}"
        yield Finding(RULE.code, message, file.range(node), fix)


def _on(file: File) -> Iterator[tuple[ast.expr, ast.expr]]:
    assigned = list(file.assigned(_BENCHMARK))
    for node, value in assigned:
        off = any(
            is_constant(other, False)
            and later.lineno > node.lineno
            and file.enclosing_function(later) is file.enclosing_function(node)
            for later, other in assigned
        )
        if is_constant(value, True) and not off:
            yield node, value
    for call in file.calls("lightning.Trainer"):
        given = file.argument(call, "benchmark")
        if given is not None and is_constant(given, True):
            yield given, given


def _is_chosen(file: File, node: ast.AST) -> bool:
    """Return whether a condition about just this decides, or its other branch does the opposite."""
    inner = node
    for outer in file.around(node):
        if isinstance(outer, Function):
            break
        if isinstance(outer, ast.If):
            other = outer.orelse if inner in outer.body else outer.body
            if _CHOICE.search(file.segment(outer.test)) or any(_CHOICE.search(file.segment(part)) for part in other):
                return True
        inner = outer
    return False


RULE = Rule("SR024", "cudnn-benchmark", "cudnn.benchmark picks algorithms by the time they take", _check)
