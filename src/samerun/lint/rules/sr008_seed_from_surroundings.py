"""A seed that is made of the time, the process or a hash is another in each run.

What it does:
    Finds seeds with the time, the number of the process, an address, a UUID, entropy of the operating system or
    ``hash()`` of a text in them. Where that is only what is taken if no seed is given, where the seed is printed,
    and where nobody can tell what is hashed, it is said only under ``--pedantic``, as it is for generators of
    one's own that are meant to be another each time.

Why it is bad:
    The seed looks like one, and the run cannot be repeated. ``hash()`` of a text is the least visible: it is the same
    again and again in one process, and another in the next.

Example:
    ::

        rng = np.random.default_rng(hash(name) % 2**32)

Experiment:
    Each seed is made in eight processes::

        import os
        import subprocess
        import sys

        env = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}


        def seeds(expression):
            command = [sys.executable, "-c", f"import zlib; print({expression})"]
            return {subprocess.check_output(command, env=env) for _ in range(8)}


        print("hash('train'), one seed for all:", len(seeds("hash('train')")) == 1)
        print("zlib.crc32(b'train'), one seed for all:", len(seeds("zlib.crc32(b'train')")) == 1)

    It prints::

        hash('train'), one seed for all: False
        zlib.crc32(b'train'), one seed for all: True

Use instead:
    A seed that is given, and others derived from it by names, with ``samerun.derive.derive``::

        rng = np.random.default_rng(derive(seed, name))

    Where none is given, make one and keep it with the results.

When to silence:
    When runs are to differ, and nobody will want to repeat one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.seeds import parts, puts_back, words
from samerun.lint.syntax import Function, called

__all__ = ["RULE"]

_TIME, _PROCESS, _SYSTEM = "the time", "the number of the process", "entropy of the operating system"
_SURROUNDINGS = {
    **dict.fromkeys((f"time.{name}" for name in "time time_ns perf_counter perf_counter_ns".split()), _TIME),
    **dict.fromkeys((f"time.{name}" for name in "monotonic monotonic_ns process_time process_time_ns".split()), _TIME),
    **dict.fromkeys((f"datetime.datetime.{name}" for name in "now utcnow today".split()), _TIME),
    "datetime.date.today": _TIME,
    "os.getpid": _PROCESS,
    "os.getppid": _PROCESS,
    "os.urandom": _SYSTEM,
    "random.SystemRandom": _SYSTEM,
    **dict.fromkeys((f"secrets.{name}" for name in "randbits randbelow token_bytes token_hex choice".split()), _SYSTEM),
    "uuid.uuid1": "a UUID",
    "uuid.uuid4": "a UUID",
    "builtins.id": "an address",
}
# Whose arguments of these names are seeds.
_TAKES = ("sklearn.", "numpy.", "torch.", "albumentations.", "transformers.", "lightgbm.", "xgboost.", "pandas.")
_ARGUMENTS = frozenset(("seed", "random_state"))
# Words of what a text is called, and of what a number is.
_TEXTS = frozenset("name names path file filename key string text str prompt url label title word tag uid".split())
_NUMBERS = frozenset("seed index idx i j k n epoch step rank worker number num count id fold int".split())
_MAKE_TEXTS = frozenset("str repr format join encode lower upper strip as_posix dumps".split())
_TELL = frozenset("print info log debug warning write echo".split())


def _check(file: File) -> Iterable[Finding]:
    for call, value, where, own in _seeds(file):
        for part in parts(where, value):
            told = _surroundings(where, part)
            if told is not None:
                what, certain = told
                meant = (own and not what.startswith("hash")) or _is_fallback(where, part) or _is_told(where, part)
                message = f"the seed is made of {what}, which is another in each run"
                place = file.range(part if where is file else call)
                yield Finding(RULE.code, message, place, pedantic=meant or not certain)
                break


def _seeds(file: File) -> Iterator[tuple[ast.Call, ast.expr, File, bool]]:
    """Yield the calls that take a seed, the seed, its file, and whether it is for a generator of one's own."""
    for seeding in file.seedings:
        if seeding.value is not None:
            yield seeding.call, seeding.value, seeding.file, not seeding.everywhere
    for keyword in file.nodes(ast.keyword):
        call = file.parent(keyword)
        if keyword.arg in _ARGUMENTS and isinstance(call, ast.Call):
            name = file.resolve(call.func)
            if name is not None and name.startswith(_TAKES):
                yield call, keyword.value, file, False


def _surroundings(file: File, node: ast.expr) -> tuple[str, bool] | None:
    """Return what an expression takes from its surroundings, and whether that is certain; None for nothing."""
    if not isinstance(node, ast.Call):
        return None
    name = file.resolve(node.func)
    if name in _SURROUNDINGS:
        return _SURROUNDINGS[name], True
    if name == "builtins.hash" and len(node.args) == 1:
        text = _is_text(file, node.args[0])
        return None if text is False else ("hash() of a text" if text else "hash()", text is True)
    return None


def _is_text(file: File, node: ast.expr, depth: int = 0) -> bool | None:
    """Return whether an expression is a text, whose hash differs from run to run; None where nobody can tell."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp):
        sides = [_is_text(file, side, depth) for side in (node.left, node.right)]
        return True if True in sides else False if False in sides else None
    if isinstance(node, ast.Tuple):
        each = [_is_text(file, value, depth) for value in node.elts]
        return True if True in each else None if None in each else False
    if isinstance(node, ast.Call):
        return True if called(node) in _MAKE_TEXTS else False if called(node) in ("int", "float", "len") else None
    if isinstance(node, ast.Name):
        bindings = file.names.bindings(node)
        if len(bindings) == 1 and isinstance(bindings[0].node, ast.arg):
            annotation = called(bindings[0].node.annotation) if bindings[0].node.annotation is not None else ""
            if annotation in ("str", "int"):
                return annotation == "str"
        elif len(bindings) == 1 and isinstance(bindings[0].value, ast.expr) and depth < 4:
            found = _is_text(file, bindings[0].value, depth + 1)
            if found is not None:
                return found
    if isinstance(node, ast.Name | ast.Attribute):
        found_words = words(called(node))
        return True if found_words & _TEXTS else False if found_words & _NUMBERS else None
    return None


def _is_fallback(file: File, node: ast.AST) -> bool:
    """Return whether something is only taken where no seed is given, or where the generators are put back."""
    for around in file.around(node):
        if isinstance(around, ast.BoolOp | ast.arguments):
            return True
        if isinstance(around, ast.Call) and called(around) in ("get", "getattr", "setdefault", "getenv", "pop"):
            return True
        if isinstance(around, ast.If | ast.IfExp):
            nodes = ast.walk(around.test)
            if any("seed" in words(called(inner)) for inner in nodes):
                return True
        if isinstance(around, Function):
            return puts_back(file, around)
    return False


def _is_told(file: File, node: ast.AST) -> bool:
    """Return whether the name that something is assigned to is printed or logged, so that it can be given again."""
    statement = file.enclosing(node, ast.Assign)
    if statement is None or not isinstance(statement.targets[0], ast.Name):
        return False
    for other in file.named(statement.targets[0].id):
        if isinstance(other.ctx, ast.Load):
            call = file.enclosing(other, ast.Call)
            if call is not None and called(call) in _TELL:
                return True
    return False


RULE = Rule("SR008", "seed-from-surroundings", "a seed is made of the time, the process or a hash", _check)
