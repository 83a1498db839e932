"""Each worker of a loader gets a copy of the generators that a dataset holds, and all copies are alike.

What it does:
    Finds a generator of NumPy, Python or torch that is made once, in a module or when a dataset is, and drawn from in
    the dataset's ``__getitem__`` (of an iterable dataset: ``__iter__``). It is silent where the file's loaders have
    no workers, where the generator is made or seeded anew anywhere else, where ``get_worker_info`` or a function for
    workers may tell them apart, and with samerun's loader, which keys the generators by epoch and item.

Why it is bad:
    The workers draw the same numbers for different items. Workers are started anew for each epoch, so every epoch
    draws the same, too. And what is drawn for an item depends on the number of workers. torch seeds the global
    generators of each worker, but it does not know those that an object holds.

Example:
    ::

        class Noisy(Dataset):
            def __init__(self, items):
                self.items = items
                self.rng = np.random.default_rng(0)

            def __getitem__(self, index):
                return self.items[index] + self.rng.normal()

Experiment:
    Two workers make four items, one after the other::

        import numpy as np
        from torch.utils.data import DataLoader, Dataset


        class Noise(Dataset):
            epoch = 0

            def __init__(self, one_for_each):
                self.one_for_each = one_for_each
                self.rng = np.random.default_rng(0)

            def __len__(self):
                return 4

            def __getitem__(self, index):
                rng = np.random.default_rng((0, self.epoch, index)) if self.one_for_each else self.rng
                return round(rng.random(), 3)


        for one_for_each in (False, True):
            print("one for each item:" if one_for_each else "one for the dataset:")
            data = Noise(one_for_each)
            loader = DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context="fork")
            for data.epoch in range(2):
                print(f"  epoch {data.epoch}:", list(loader))

    It prints::

        one for the dataset:
          epoch 0: [0.637, 0.637, 0.27, 0.27]
          epoch 1: [0.637, 0.637, 0.27, 0.27]
        one for each item:
          epoch 0: [0.637, 0.449, 0.623, 0.765]
          epoch 1: [0.89, 0.849, 0.882, 0.89]

Use instead:
    ``samerun.DataLoader``, or a generator that is made of what the item is::

        def __getitem__(self, index):
            rng = np.random.default_rng((self.seed, self.epoch, index))

When to silence:
    When the dataset is never used with workers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import Function
from samerun.lint.vocabulary import KEYED_LOADERS, LOADERS

__all__ = ["RULE"]

_GENERATORS = (
    "numpy.random.default_rng",
    "numpy.random.RandomState",
    "numpy.random.Generator",
    "random.Random",
    "torch.Generator",
)
_DATASETS = {
    "torch.utils.data.Dataset": "__getitem__",
    "torch.utils.data.IterableDataset": "__iter__",
    "torch_geometric.data.Dataset": "get",
}
_SEEDS = frozenset("seed manual_seed setstate set_state state bit_generator spawn jumped".split())
# What does not move a generator on.
_READS = frozenset("getstate get_state bit_generator initial_seed device seed_seq".split())


def _check(file: File) -> Iterable[Finding]:
    classes = [(node, name) for node in file.classes for name in _made_by(file, node)]
    if not classes or file.calls(*KEYED_LOADERS) or not _has_workers(file):
        return
    for node, name in classes:
        if _asks_for_the_worker(file, node):
            continue
        told: set[str] = set()
        for function in _called(file, node, name):
            for draw, generator in _draws(file, node, function):
                held = file.segment(generator)
                if held not in told:
                    told.add(held)
                    yield Finding(
                        RULE.code,
                        f"{held} is copied into each worker of a loader: all of them, and all epochs, draw alike",
                        file.range(draw),
                    )


def _made_by(file: File, node: ast.ClassDef) -> set[str]:
    """Return the names of the methods that make the items of a dataset; none for another class."""
    ancestors = file.ancestors(node)
    found = {method for base, method in _DATASETS.items() if base in ancestors}
    if any(base.startswith("torchvision.datasets.") for base in ancestors):
        found.add("__getitem__")
    return found


def _has_workers(file: File) -> bool:
    """Return whether a loader of the file has workers, or there is none, so that one elsewhere may."""
    calls = file.calls(*LOADERS)
    for call in calls:
        number = file.argument(call, "num_workers", 5)
        none = number is None or (isinstance(number, ast.Constant) and number.value == 0)
        if not none or file.has_unpacking(call):
            return True
    return not calls


def _asks_for_the_worker(file: File, class_: ast.ClassDef) -> bool:
    """Return whether a class, or a function that is not for other classes alone, asks which worker it is in."""
    if "get_worker_info" not in file.text:
        return False
    named: list[ast.expr] = [node for node in file.nodes(ast.Name) if node.id == "get_worker_info"]
    named += [node for node in file.nodes(ast.Attribute) if node.attr == "get_worker_info"]
    return any(_is_for(file, node, class_) for node in named)


def _is_for(file: File, node: ast.AST, class_: ast.ClassDef) -> bool:
    around, function = file.enclosing(node, ast.ClassDef), file.enclosing(node, ast.FunctionDef)
    if around is not None or not isinstance(function, ast.FunctionDef):
        return around in (class_, None)
    users = {file.enclosing(use, ast.ClassDef) for use in file.nodes(ast.Name) if use.id == function.name}
    return not users or bool(users & {class_, None})


def _called(file: File, node: ast.ClassDef, name: str) -> Iterator[Function]:
    """Yield a method of a class, and those of the class that it calls."""
    methods = {one.name: one for one in node.body if isinstance(one, Function)}
    found = [methods[name]] if name in methods else []
    for function in found:
        yield function
        for call in ast.walk(function):
            target = file.definition(call) if isinstance(call, ast.Call) else None
            if target is None or target.file is not file:
                continue
            other = target.node
            if other in methods.values() and other not in found:
                assert isinstance(other, Function)
                found.append(other)


def _draws(file: File, class_: ast.ClassDef, function: Function) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield the calls in a method that draw from a generator that is made once, with it."""
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        given = file.argument(call, "generator")
        of_method = isinstance(call.func, ast.Attribute) and call.func.attr not in _READS
        for generator in (call.func.value if isinstance(call.func, ast.Attribute) and of_method else None, given):
            if generator is not None and _is_made_once(file, class_, generator):
                yield call, generator


def _is_made_once(file: File, class_: ast.ClassDef, node: ast.expr) -> bool:
    """Return whether a generator of the module, or of the dataset's own, is made in one place and left alone."""
    if isinstance(node, ast.Name):
        scope = file.index.scopes[node].home(node.id)
        bindings = file.names.bindings(node)
        if scope is not file.index.module or len(bindings) != 1:
            return False
        uses = file.variable(node.id, scope)
        return _is_generator(file, bindings[0].value) and not any(_is_reset(file, use) for use in uses)
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return False
    values = file.index.inner[class_].attributes.get(node.attr, [])
    stored = [use for use in file.attributes(node.attr) if _may_be_of(file, use, class_)]
    if len(values) != 1 or sum(isinstance(use.ctx, ast.Store) for use in stored) != 1:
        return False
    outer = file.enclosing(values[0], ast.FunctionDef) if values[0] is not None else None
    if outer is None or outer.name not in ("__init__", "__post_init__"):
        return False
    return _is_generator(file, values[0]) and not any(_is_reset(file, use) for use in stored)


def _may_be_of(file: File, node: ast.Attribute, class_: ast.ClassDef) -> bool:
    """Return whether an attribute may be that of a class: not where ``self`` is an instance of another one."""
    of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
    return not of_self or file.enclosing(node, ast.ClassDef) is class_


def _is_generator(file: File, made: ast.AST | None) -> bool:
    if isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute) and made.func.attr == "manual_seed":
        made = made.func.value  # torch.Generator().manual_seed(0)
    return file.kind_of(made) in _GENERATORS


def _is_reset(file: File, node: ast.expr) -> bool:
    """Return whether a generator is seeded here for good, or used by a function that is for a worker."""
    outer = file.enclosing(node, ast.FunctionDef)
    around = file.parent(node)
    if isinstance(around, ast.Attribute) and around.attr in _SEEDS:
        return outer is not None and outer.name not in ("__init__", "__post_init__")
    return outer is not None and "worker" in outer.name.lower()


RULE = Rule("SR020", "generator-copied", "a dataset draws from a generator that is copied into each worker", _check)
