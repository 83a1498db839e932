"""What seeds the workers of a loader has to differ between them, and from epoch to epoch.

What it does:
    Finds functions that are given to a loader as ``worker_init_fn``, or called like one, that seed with a constant,
    so that all workers are alike, or with a constant and the number of the worker, so that all epochs are alike:
    workers are started in each epoch anew. ``np.random.get_state()[1][0]`` is such a constant: torch seeds NumPy in
    each worker with several numbers, after which it is always 2147483648. It is silent for loaders that do not
    shuffle, and about epochs where the workers are persistent.

Why it is bad:
    The seeds of NumPy and of Python's random in a worker are what augmentation draws from. Alike workers draw alike
    crops for other images; alike epochs draw the same for the same place of the order, in each epoch.

Example:
    ::

        def worker_init_fn(worker_id):
            np.random.seed(np.random.get_state()[1][0] + worker_id)

Experiment:
    Two workers draw four numbers in each of two epochs, eight in all::

        import numpy as np
        import torch
        from torch.utils.data import DataLoader, Dataset


        class Draws(Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                return np.random.randint(1_000_000)


        def different(value):
            torch.manual_seed(0)
            np.random.seed(0)
            start = lambda worker: np.random.seed(value(worker))
            loader = DataLoader(Draws(), num_workers=2, worker_init_fn=start, multiprocessing_context="fork")
            return len({int(draw) for _ in range(2) for draw in loader})


        print("a constant:", different(lambda worker: 42))
        print("get_state()[1][0] + worker_id:", different(lambda worker: np.random.get_state()[1][0] + worker))
        print("torch.initial_seed():", different(lambda worker: torch.initial_seed() % 2**32))

    It prints::

        a constant: 2
        get_state()[1][0] + worker_id: 4
        torch.initial_seed(): 8

Use instead:
    torch gives each worker a seed of its own in each epoch::

        def worker_init_fn(worker_id):
            seed = torch.initial_seed() % 2**32
            np.random.seed(seed)
            random.seed(seed)

When to silence:
    When each epoch is to be augmented alike, and what the workers draw does not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.seeds import Seeding, apart, fixed, repeated, same, started
from samerun.lint.vocabulary import act

__all__ = ["RULE"]

_ALIKE = "all workers are seeded alike: they draw the same numbers"
_EPOCHS = "the workers are seeded alike in each epoch: each epoch draws the same numbers"
# What is cured by another value: torch has seeded its own generators in a worker.
_CURED = ("random.seed", "numpy.random.seed")


def _check(file: File) -> Iterable[Finding]:
    found = file.workers
    for function, anew in found.items():
        if isinstance(function, ast.FunctionDef | ast.Lambda) and function in file.index.inner:
            yield from _in_function(file, function, anew)
    for keyword in file.nodes(ast.keyword):
        if keyword.arg == "worker_init_fn":
            yield from _elsewhere(file, keyword.value, found)


def _elsewhere(file: File, given: ast.expr, found: dict[ast.AST, bool]) -> Iterator[Finding]:
    """Yield what is wrong with a function that is given to a loader and stands elsewhere."""
    what = act(file.resolve(given))
    if what is not None and what.kind == "seed":
        yield Finding(RULE.code, _EPOCHS, file.range(given))
        return
    target = started(file, given)
    if target is None or target.file is file or target.node not in found or target.node in target.file.workers:
        return
    if any(repeated(target.file, target.node)):
        yield Finding(RULE.code, _ALIKE, file.range(given))


def _in_function(file: File, function: ast.FunctionDef | ast.Lambda, anew: bool) -> Iterator[Finding]:
    told: set[ast.AST] = set()
    alike = set(repeated(file, function))
    known = {seeding.call: seeding for seeding in file.seedings if seeding.everywhere}
    inside = [seeding for call, seeding in known.items() if file.is_inside(call, function)]
    for place in alike.difference(known):
        yield Finding(RULE.code, _ALIKE, file.range(place))
    for seeding in inside:
        origin = _origin(file, seeding.value, function)
        if seeding.call in alike:
            message = _ALIKE
        elif anew and not same(seeding, function) and not apart(file, seeding.call, function):
            if origin is None or not _by_worker(file, origin, function):
                continue
            message = _EPOCHS
        else:
            continue
        if origin is not None and origin not in told:
            told.add(origin)
            yield Finding(RULE.code, message, file.range(seeding.call), _fix(file, seeding, origin))


def _origin(file: File, value: ast.expr | None, function: ast.AST) -> ast.expr | None:
    """Return the expression that is assigned to the name that is given as a seed, if it is one of the function."""
    if isinstance(value, ast.Name):
        bindings = file.names.bindings(value)
        origin = bindings[0].value if len(bindings) == 1 else None
        if isinstance(origin, ast.expr) and file.is_inside(origin, function):
            return origin
    return value


def _by_worker(file: File, node: ast.expr, function: ast.AST, depth: int = 0) -> bool:
    """Return whether a seed is made of the worker's number and of what is the same in each epoch."""
    if depth > 8:
        return False
    if isinstance(node, ast.Name):
        bindings = file.names.bindings(node)
        if any(
            isinstance(one.node, ast.arg) and file.enclosing(one.node, type(function)) is function for one in bindings
        ):
            return len(bindings) == 1
        origin = _origin(file, node, function)
        if origin is not None and origin is not node:
            return _by_worker(file, origin, function, depth + 1)
    elif isinstance(node, ast.BinOp):
        return all(_by_worker(file, side, function, depth + 1) for side in (node.left, node.right))
    elif isinstance(node, ast.Attribute) and node.attr in ("id", "num_workers"):
        return file.kind_of(node.value) == "torch.utils.data.get_worker_info"
    elif isinstance(node, ast.Subscript):
        inner: ast.expr = node
        while isinstance(inner, ast.Subscript):
            inner = inner.value
        if isinstance(inner, ast.Call) and file.resolve(inner.func) == "numpy.random.get_state":
            return True
    elif isinstance(node, ast.Call) and file.resolve(node.func) in ("builtins.int", "numpy.uint32", "numpy.int64"):
        return all(_by_worker(file, value, function, depth + 1) for value in node.args)
    return fixed(file, node, function)


def _fix(file: File, seeding: Seeding, origin: ast.expr) -> Fix | None:
    """Return torch's seed in the place of this one, where torch has its name in the file."""
    torch = file.index.module.names.get("torch", [])
    is_torch = any(binding.source is not None and binding.source.module == "torch" for binding in torch)
    if not is_torch or seeding.file is not file or file.resolve(seeding.call.func) not in _CURED:
        return None
    text = "torch.initial_seed() % 2**32"
    return Fix((file.replace(origin, text),), False, f"seed with {text}")


RULE = Rule("SR007", "worker-seed-constant", "workers of a loader are seeded alike, or alike in each epoch", _check)
