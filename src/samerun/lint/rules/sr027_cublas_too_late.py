"""cuBLAS reads ``CUBLAS_WORKSPACE_CONFIG`` when it is first used, and repeats itself with two values alone.

What it does:
    Finds ``CUBLAS_WORKSPACE_CONFIG`` set to another value than ``:4096:8`` and ``:16:8``, and set only after the script
    has trained a model. Where something was put on a GPU before, which may have used cuBLAS, it says so under
    ``--pedantic``. A setting that comes first makes up for later ones.

Why it is bad:
    The variable is read once. What is set afterwards changes nothing for this process, and with another value cuBLAS
    may choose its workspace, and with it the order of additions, anew in each run. ``import torch`` alone does not
    read it.

Example:
    ::

        train(model.cuda())
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

Experiment:
    OpenMP stands for cuBLAS, which needs a GPU: it, too, has read its variable by the time that torch is there::

        import os
        import subprocess
        import sys

        environment = {**os.environ, "OMP_NUM_THREADS": "2"}
        late = "import os, torch; os.environ['OMP_NUM_THREADS'] = '1'"
        early = "import os; os.environ['OMP_NUM_THREADS'] = '1'; import torch"
        for when, code in (("after", late), ("before", early)):
            command = [sys.executable, "-c", f"{code}; print(torch.get_num_threads())"]
            threads = subprocess.check_output(command, env=environment, text=True).strip()
            print(f"set to 1 {when} it is read: {threads}")

    It prints::

        set to 1 after it is read: 2
        set to 1 before it is read: 1

Use instead:
    Set it before anything else, or start with it::

        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        import torch

    ``samerun.deterministic()`` sets it, and refuses to where it is too late.

When to silence:
    When what ran before did not use cuBLAS: on the CPU, or without a matrix product.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.flow import Event
from samerun.lint.rule import Rule
from samerun.lint.syntax import text_of

__all__ = ["RULE"]

_NAME = "CUBLAS_WORKSPACE_CONFIG"
_GOOD = (":4096:8", ":16:8")
_DEVICES = ("cuda", "to")


def _check(file: File) -> Iterable[Finding]:
    wrong = set()
    for node, value in _settings(file):
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value not in _GOOD:
            wrong.add(node)
            message = f"cuBLAS repeats itself with {' or '.join(_GOOD)}, not with {value.value!r}"
            fix = Fix((file.replace(value, '":4096:8"'),), False, "set it to :4096:8")
            yield Finding(RULE.code, message, file.range(node), fix)
    late = _late(file)
    if late is not None:
        setting, trained = late
        if setting.node not in wrong:
            message = f"{_NAME} is set after {trained.where(file)} has trained: cuBLAS has read it"
            yield Finding(RULE.code, message, file.range(setting.place(file)))
        return
    yield from _perhaps_late(file, wrong)


def _settings(file: File) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the places where the variable is set, and the value."""
    for node in file.nodes(ast.Assign):
        for target in node.targets:
            holder = target.value if isinstance(target, ast.Subscript) and text_of(target.slice) == _NAME else None
            if file.resolve(holder) == "os.environ":
                yield target, node.value
    for call in file.calls("os.environ.setdefault", "os.putenv"):
        if len(call.args) == 2 and text_of(call.args[0]) == _NAME:
            yield call, call.args[1]
    for call in file.calls("os.environ.update"):
        for given in call.args:
            if isinstance(given, ast.Dict):
                yield from (
                    (call, value) for key, value in zip(given.keys, given.values, strict=True) if text_of(key) == _NAME
                )
        yield from ((call, keyword.value) for keyword in call.keywords if keyword.arg == _NAME)


def _late(file: File) -> tuple[Event, Event] | None:
    """Return the first setting if it comes after a training, and the training."""
    trained = None
    for event in file.timeline:
        if event.kind == "environment" and event.name in (_NAME, ""):
            return (event, trained) if trained is not None and event.name == _NAME else None
        if event.kind == "train" and event.name in ("backward", "step") and event.certain and trained is None:
            trained = event
    return None


def _perhaps_late(file: File, wrong: set[ast.expr]) -> Iterator[Finding]:
    """Yield the first setting of a function if something was put on a GPU before it there."""
    seen: set[ast.AST | None] = set()
    for node, _ in _settings(file):
        scope = file.enclosing_function(node)
        if scope in seen or node in wrong:
            continue
        seen.add(scope)
        for call in file.nodes(ast.Call):
            if call.lineno >= node.lineno:
                break
            if _moves(file, call) and file.enclosing_function(call) is scope:
                message = f"{_NAME} is set after {file.where(call)} has used the GPU; cuBLAS may have read it"
                yield Finding(RULE.code, message, file.range(node), pedantic=True)
                break


def _moves(file: File, call: ast.Call) -> bool:
    """Return whether a call puts something on a GPU: ``model.cuda()``, ``model.to("cuda")``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _DEVICES or file.resolve(call.func):
        return False
    device = call.args[0] if call.args else None
    return call.func.attr == "cuda" or (text_of(device) or "").startswith("cuda")


RULE = Rule("SR027", "cublas-too-late", "CUBLAS_WORKSPACE_CONFIG is set too late, or to what does not help", _check)
