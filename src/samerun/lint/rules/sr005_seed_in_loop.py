"""A generator that is seeded with the same number in each epoch draws the same numbers in each epoch.

What it does:
    Finds loops over epochs, steps or batches of a training in which a global generator is seeded with what is the
    same in each round, also by a function that is called there. It is silent where the loop makes its model or
    optimizer anew, so that each round is a training of its own, and where the generators are put back afterwards.

Why it is bad:
    Each epoch has the same order, the same augmentations, the same dropout. The model sees one draw again and again
    instead of a new one, which shows nowhere but in a worse result.

Example:
    ::

        for epoch in range(epochs):
            seed_everything(42)
            train_one_epoch(model, loader)

Experiment:
    How many different masks dropout draws in five epochs::

        import torch


        def masks(inside):
            torch.manual_seed(0)
            found = set()
            for epoch in range(5):
                if inside:
                    torch.manual_seed(0)
                found.add(str(torch.nn.functional.dropout(torch.ones(20))))
            return len(found)


        print("seeded before the loop:", masks(inside=False))
        print("seeded in the loop:", masks(inside=True))

    It prints::

        seeded before the loop: 5
        seeded in the loop: 1

Use instead:
    One seed before the loop, or one for each epoch that is derived from its number, with ``samerun.derive.derive``::

        seed_everything(derive(seed, "epoch", epoch) % 2**32)

    Where something in the loop is to draw the same each time, such as pictures to look at, lend it the generators::

        with torch.random.fork_rng():
            torch.manual_seed(0)
            show(generator(torch.randn(16, 100)))

When to silence:
    When each round is to draw the same: a model that is made to learn one batch by heart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.seeds import repeated, words
from samerun.lint.syntax import called
from samerun.lint.vocabulary import MODELS

__all__ = ["RULE"]

# Words of the names that loops over the rounds of one training go by.
_ROUNDS = frozenset(
    "epoch epochs step steps iteration iterations iter iters it batch batches episode episodes loader dataloader "
    "update updates".split()
)
_LOADERS = frozenset(("torch.utils.data.DataLoader", "samerun.DataLoader"))
_MADE = frozenset(("model", "optimizer"))


def _check(file: File) -> Iterable[Finding]:
    found: set[ast.AST] = set()
    for loop in _loops(file):
        places = [place for place in repeated(file, loop) if place not in found]
        if places and not _begins_anew(file, loop):
            for place in places:
                found.add(place)
                yield Finding(
                    RULE.code,
                    f"seeded with the same in each round of the training loop in {file.where(loop)}: "
                    "each round draws the same numbers",
                    file.range(place),
                )


def _loops(file: File) -> Iterator[ast.For | ast.AsyncFor | ast.While]:
    loops: list[ast.For | ast.AsyncFor | ast.While] = [*file.nodes(ast.For), *file.nodes(ast.AsyncFor)]
    for loop in (*loops, *file.nodes(ast.While)):
        if _is_over_rounds(file, loop) and file.is_training_loop(loop):
            yield loop


def _is_over_rounds(file: File, loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    heads = [loop.test] if isinstance(loop, ast.While) else [loop.target, loop.iter]
    for head in heads:
        for node in ast.walk(head):
            if words(called(node)) & _ROUNDS or (isinstance(node, ast.Name) and file.kind_of(node) in _LOADERS):
                return True
    return False


def _begins_anew(file: File, loop: ast.AST) -> bool:
    """Return whether each round makes a model or an optimizer: then it is a training of its own."""
    return any(_makes(file, call) for call in file.calls_in(loop))


def _makes(file: File, call: ast.Call) -> bool:
    what = file.act(call)
    if what is not None:
        return what.kind in _MADE
    target = file.definition(call)
    if target is None:
        found = words(called(call))
        is_model = not found.isdisjoint(("model", "net", "network", "optimizer"))
        return is_model and not found.isdisjoint(("build", "make", "create", "get"))
    if isinstance(target.node, ast.ClassDef):
        return not MODELS.isdisjoint(target.file.ancestors(target.node))
    if not isinstance(target.node, ast.FunctionDef) or not target.file.runs_when_called(target.node):
        return False
    return any(event.kind in _MADE for event in target.file.timeline_of(target.node))


RULE = Rule("SR005", "seed-in-loop", "a generator is seeded with the same number in each round of a training", _check)
