"""With ``warn_only`` torch goes on with operations that do not repeat themselves.

What it does:
    Finds ``torch.use_deterministic_algorithms(True, warn_only=True)``, ``torch.set_deterministic_debug_mode("warn")``,
    ``samerun.deterministic(warn_only=True)`` and Lightning's ``Trainer(deterministic="warn")``, in files that do not
    make warnings errors.

Why it is bad:
    An operation without a deterministic algorithm then gives a warning and is run as it is. The run looks
    deterministic and is not, and Python shows the warning among all others, once for each line that calls it.

Example:
    ::

        torch.use_deterministic_algorithms(True, warn_only=True)

Experiment:
    ``put_`` has no deterministic algorithm on the CPU either::

        import warnings

        import torch

        where, what = torch.tensor([0, 0]), torch.tensor([1.0, 2.0])
        for warn_only in (True, False):
            torch.use_deterministic_algorithms(True, warn_only=warn_only)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    torch.zeros(1).put_(where, what)
                    print(f"warn_only={warn_only}: goes on")
                except RuntimeError:
                    print(f"warn_only={warn_only}: refuses")

    It prints::

        warn_only=True: goes on
        warn_only=False: refuses

Use instead:
    ::

        torch.use_deterministic_algorithms(True)

    and another operation in place of one that is refused.

When to silence:
    When the operations that are warned of are known, and their effect is accepted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule

__all__ = ["RULE"]


def _check(file: File) -> Iterable[Finding]:
    found = list(_warning(file))
    if not found or _raises(file):
        return
    for call, value, instead in found:
        message = "torch goes on with operations that do not repeat themselves, and only warns"
        fix = Fix((file.replace(value, instead),), False, "let it raise an error")
        yield Finding(RULE.code, message, file.range(call), fix)


def _warning(file: File) -> Iterator[tuple[ast.Call, ast.expr, str]]:
    """Yield the calls, what in them says that it is to warn, and what would say that it is to refuse."""
    for call in file.calls("torch.use_deterministic_algorithms"):
        mode, value = file.argument(call, "mode", 0), file.argument(call, "warn_only")
        if _is(value, True) and value is not None and not _is(mode, False):
            yield call, value, "False"
    for call in file.calls("samerun.deterministic"):
        value = file.argument(call, "warn_only")
        if value is not None and _is(value, True):
            yield call, value, "False"
    for call in file.calls("torch.set_deterministic_debug_mode"):
        value = file.argument(call, "debug_mode", 0)
        if value is not None and (_is(value, "warn") or _is(value, 1)):
            yield call, value, '"error"'
    for call in file.calls("lightning.Trainer"):
        value = file.argument(call, "deterministic")
        if value is not None and _is(value, "warn"):
            yield call, value, "True"


def _raises(file: File) -> bool:
    """Return whether the file makes errors of warnings."""
    calls = file.calls("warnings.simplefilter", "warnings.filterwarnings")
    return any(_is(file.argument(call, "action", 0), "error") for call in calls)


def _is(node: ast.AST | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is type(value) and node.value == value


RULE = Rule("SR026", "deterministic-warn-only", "torch goes on with operations that do not repeat themselves", _check)
