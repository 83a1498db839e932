"""Only some of the generators that a file draws from are seeded.

What it does:
    Finds files that seed some of Python's ``random``, NumPy and torch, and draw from another one of them, too.
    Seeds in functions of the project that the file calls count, in whatever module they are. A seed that is only
    lent, by a function that puts the generator back or in a ``with``, is none for the run. Where running the file
    does not lead to the seed, and it stands in a function that by its name is not there to seed and is no program,
    others may have seeded the rest: that is said only under ``--pedantic``.

Why it is bad:
    Each library has a generator of its own, which begins elsewhere in every process unless it is seeded. So the run
    differs every time, although there is a seed in the script.

Example:
    ::

        torch.manual_seed(0)
        random.shuffle(files)

Experiment:
    Two processes seed Python's generator alone, and then two seed NumPy's as well::

        import subprocess
        import sys


        def run(seeds):
            code = f"import random; import numpy as np; {seeds}; print(random.random(), np.random.rand())"
            return subprocess.check_output([sys.executable, "-c", code]).split()


        for seeds in ("random.seed(0)", "random.seed(0); np.random.seed(0)"):
            print(seeds)
            for library, one, other in zip(("random", "NumPy"), run(seeds), run(seeds)):
                print(f"  {library} the same:", one == other)

    It prints::

        random.seed(0)
          random the same: True
          NumPy the same: False
        random.seed(0); np.random.seed(0)
          random the same: True
          NumPy the same: True

Use instead:
    Seed all of them in one place, before anything else::

        samerun.seed_everything(0)

When to silence:
    When the numbers of the other library do not count: a pause before a request is tried again, a name of a file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.seeds import puts_back
from samerun.lint.syntax import Function
from samerun.lint.vocabulary import CPU, LIBRARIES, NUMPY, PYTHON, act, may_seed, named

__all__ = ["RULE"]

# What seeds a library whose module goes by some name in the file.
_SEEDS = {PYTHON: ("random", "seed"), NUMPY: ("numpy.random", "seed"), CPU: ("torch", "manual_seed")}

# How functions are called that are there to seed, or are the program: fix_random_seeds, make_deterministic, main.
_TO_SEED = re.compile("seed|determin|reprod|main|train", re.IGNORECASE)


def _check(file: File) -> Iterable[Finding]:
    if any(event.kind == "unknown-seed" for event in file.timeline):
        return  # before all calls are followed, which in a large project takes long
    seeds = sorted(_seeds(file), key=lambda one: (one[0].lineno, one[0].col_offset))
    if any(not libraries for _, libraries, _ in seeds):
        return
    seeded = {library for _, libraries, _ in seeds for library in libraries}
    lasting = [call for call, _, lent in seeds if not lent and _is_for_the_run(file, call)]
    if not lasting:
        return
    here = [call for call in lasting if not _leads_on(file, call)]
    place = (here or lasting)[-1]
    reached = {node for event in file.timeline for node in (event.node, event.site)}
    certain = any(call in reached or _is_to_seed(file, call) for call in lasting)
    for library, drawn in _drawn(file).items():
        if library not in seeded:
            yield Finding(
                RULE.code,
                f"seeds {named(seeded)}, and not {LIBRARIES[library]}, which {file.where(drawn)} draws from",
                file.range(place),
                _fix(file, place, library, drawn),
                pedantic=not certain,
            )


def _is_for_the_run(file: File, node: ast.AST) -> bool:
    """Return whether this seeds the run, and neither puts a state back nor seeds a worker, which SR007 is about."""
    found = file.act(node) if isinstance(node, ast.Call) else None
    if found is not None and found.kind == "restore":
        return False
    return file.workers.keys().isdisjoint(file.around(node))


def _seeds(file: File) -> Iterator[tuple[ast.expr | ast.stmt, tuple[str, ...], bool]]:
    """Yield the calls that seed, here or where they lead, with the libraries, and whether that is for a while.

    There are no libraries for what may seed any.
    """
    for name, calls in file.called.items():
        if may_seed(name):
            yield from ((call, (), False) for call in calls)
        for call in calls:
            found = file.act(call)
            if found is not None and found.kind in ("seed", "restore"):
                yield call, found.libraries, _is_lent(file, call)
    for event in file.timeline:
        if event.kind in ("seed", "restore", "unknown-seed"):
            yield event.site, event.libraries, _is_lent(event.file, event.node)
    # What is not run from here, such as a function that another module calls, may seed all the same.
    for call in file.nodes(ast.Call):
        target = file.definition(call)
        if target is None or target.file is file:
            continue
        if isinstance(target.node, Function):
            for event in target.file.timeline_of(target.node):
                if event.kind in ("seed", "restore", "unknown-seed"):
                    yield call, event.libraries, _is_lent(file, call) or _is_lent(event.file, event.node)


def _leads_on(file: File, node: ast.AST) -> bool:
    """Return whether it is a call of a function of the file, in which there is more to see."""
    target = file.definition(node) if isinstance(node, ast.Call) else None
    return target is not None and target.file is file


def _is_lent(file: File, node: ast.AST) -> bool:
    """Return whether a seed is for a while: its block or its function puts the generators back."""
    if isinstance(file.parent(node), ast.withitem):
        return True
    function = file.enclosing_function(node)
    return function is not None and puts_back(file, function)


def _is_to_seed(file: File, node: ast.AST) -> bool:
    """Return whether a node stands in a function that is there to seed or is the program, by its name."""
    function = file.enclosing_function(node)
    return function is not None and _TO_SEED.search(function.name) is not None


def _drawn(file: File) -> dict[str, ast.Call]:
    """Return the first call that draws from each library's global generator."""
    found: dict[str, ast.Call] = {}
    for name, calls in file.called.items():
        what = act(name)
        if what is None or what.kind not in ("draw", "model", "split"):
            continue
        for call in calls:
            if any(file.argument(call, own) is not None for own in what.own) or file.has_unpacking(call):
                continue
            for library in what.libraries:
                if library not in found or call.lineno < found[library].lineno:
                    found[library] = call
    return found


def _fix(file: File, place: ast.AST, library: str, drawn: ast.Call) -> Fix | None:
    """Return the same seed for the other library, if its module has a name here that is the drawing call's."""
    statement = file.parent(place)
    module, function = _SEEDS[library]
    owner = drawn.func.value if isinstance(drawn.func, ast.Attribute) else None
    if not isinstance(place, ast.Call) or len(place.args) != 1 or not isinstance(statement, ast.Expr):
        return None
    if owner is None or file.resolve(owner) != module or not isinstance(place.args[0], ast.Name | ast.Constant):
        return None
    line = f"{file.segment(owner)}.{function}({file.segment(place.args[0])})"
    edit = file.add_line(place, line)
    return Fix((edit,), False, f"add {line}") if edit is not None else None


RULE = Rule("SR001", "partial-seeding", "only some of the generators that the file draws from are seeded", _check)
