"""``PYTHONHASHSEED`` is read when Python starts, and never again.

What it does:
    Finds ``PYTHONHASHSEED`` set in ``os.environ`` or by ``os.putenv``. It is silent where the process starts itself
    again by ``os.exec...``, and where it starts others it is said only under ``--pedantic``: they get the variable.

Why it is bad:
    The hashes of texts, and with them the order of sets, stay what they were: another in each run. What looks like
    a cure is none, for this process or for workers that are forked from it.

Example:
    ::

        def seed_everything(seed):
            os.environ["PYTHONHASHSEED"] = str(seed)

Experiment:
    Each way is tried in eight processes::

        import os
        import subprocess
        import sys

        clean = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}


        def hashes(code, **more):
            command = [sys.executable, "-c", code]
            return {subprocess.check_output(command, env={**clean, **more}) for _ in range(8)}


        inside = hashes("import os; os.environ['PYTHONHASHSEED'] = '0'; print(hash('cat'))")
        before = hashes("print(hash('cat'))", PYTHONHASHSEED="0")
        print("set inside, one hash for all:", len(inside) == 1)
        print("set before, one hash for all:", len(before) == 1)

    It prints::

        set inside, one hash for all: False
        set before, one hash for all: True

Use instead:
    Set it where Python is started, or do not depend on hashes: sort what comes out of a set::

        PYTHONHASHSEED=0 python train.py

When to silence:
    When it is for processes that are started later, and by something else than this file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import text_of
from samerun.lint.vocabulary import SPAWNS

__all__ = ["RULE"]

_NAME = "PYTHONHASHSEED"
_SETS = ("os.environ.setdefault", "os.environ.update", "os.environ.__setitem__", "os.putenv")
# What puts another program in the place of this one.
_AGAIN = ("os.exec",)
# What starts processes whose Python begins anew.
_STARTS = ("subprocess.", "os.spawn", "os.posix_spawn", "os.system", "os.popen", "asyncio.create_subprocess")


def _check(file: File) -> Iterable[Finding]:
    if _NAME not in file.text:
        return
    places = list(_places(file))
    if not places or any(name.startswith(_AGAIN) for name in file.called):
        return
    starts = any(name.startswith(_STARTS + SPAWNS) for name in file.called) or _spawns(file)
    for place in places:
        message = f"{_NAME} is set too late: Python reads it when it starts, not afterwards"
        if starts:
            message = f"{_NAME} is set for the processes that this one starts, too late for this one"
        yield Finding(RULE.code, message, file.range(place), pedantic=starts)


def _places(file: File) -> Iterator[ast.expr]:
    for target in file.nodes(ast.Subscript):
        if isinstance(target.ctx, ast.Store) and text_of(target.slice) == _NAME and _is_environ(file, target.value):
            yield target
    for call in file.calls(*_SETS):
        given: list[ast.expr | None] = [*call.args[:1]]
        if given and isinstance(given[0], ast.Dict):
            given = given[0].keys
        if any(keyword.arg == _NAME for keyword in call.keywords) or any(text_of(one) == _NAME for one in given):
            yield call


def _is_environ(file: File, node: ast.expr) -> bool:
    """Return whether it is ``os.environ``, also where ``os`` comes from a star or from nowhere."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and not file.names.bindings(node.value):
        return (node.value.id, node.attr) == ("os", "environ")
    return file.resolve(node) == "os.environ"


def _spawns(file: File) -> bool:
    """Return whether processes of multiprocessing are asked to begin anew, and not as a fork of this one."""
    names = ("multiprocessing.set_start_method", "multiprocessing.get_context")
    given = (file.argument(call, "method", 0) for call in file.calls(*names, *(f"torch.{name}" for name in names)))
    return any(isinstance(value, ast.Constant) and value.value in ("spawn", "forkserver") for value in given)


RULE = Rule("SR003", "hash-seed-inside", "PYTHONHASHSEED is set inside the process, which has read it before", _check)
