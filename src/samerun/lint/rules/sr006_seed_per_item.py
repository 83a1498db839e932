"""A global generator that is seeded with a constant for each item makes all items draw the same.

What it does:
    Finds ``__getitem__`` of datasets, ``__iter__`` of iterable ones and of samplers, ``__call__`` and ``forward`` of
    transforms, and functions that collate, which seed a global generator with what is the same for all items, also
    by a function that they call. It is silent for datasets of another split than that for training, where the
    generators are put back afterwards, and where the seed has the index of the item in it.

Why it is bad:
    Each item is flipped, cropped and masked in the same way, in each epoch: the augmentation is none. Without
    workers the generator is that of the training, whose dropout then draws the same again and again, too.

Example:
    ::

        def __getitem__(self, index):
            random.seed(42)
            return self.augment(self.images[index])

Experiment:
    How many different crops a hundred items get::

        import random

        from torch.utils.data import DataLoader, Dataset


        class Crops(Dataset):
            def __init__(self, seed):
                self.seed = seed

            def __len__(self):
                return 100

            def __getitem__(self, index):
                if self.seed is not None:
                    random.seed(self.seed)
                return random.randrange(1_000_000)


        random.seed(0)
        print("seeded once:", len({int(crop) for crop in DataLoader(Crops(None))}))
        print("seeded for each item:", len({int(crop) for crop in DataLoader(Crops(42))}))

    It prints::

        seeded once: 100
        seeded for each item: 1

Use instead:
    A generator of the item's own, made of its epoch and index, which is also the same whatever the workers are,
    with ``samerun.derive.derive``::

        rng = random.Random(derive(self.seed, self.epoch, index))

    To treat an image and its mask alike, draw the seed for each pair::

        seed = random.getrandbits(32)

When to silence:
    When all items are to be treated alike.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.seeds import repeated, words
from samerun.lint.syntax import Function

__all__ = ["RULE"]

_ITERATES = ("torch.utils.data.IterableDataset", "torch.utils.data.Sampler", "torch.utils.data.BatchSampler")
_ITERATES_BY_NAME = re.compile(r"(Dataset|Sampler|Stream|Pipe)\w*$")
_TRANSFORMS = re.compile(r"Transform(?!er)|Augment|^Random|Crop|Flip|Rotat|Jitter|Noise|Mixup|Cutout|Collat")
# Words that say that it is not about training, where the same for all items in each epoch is wanted.
_OTHER = frozenset("val valid validation test testing eval evaluation fixed demo deterministic".split())


def _check(file: File) -> Iterable[Finding]:
    found: set[ast.AST] = set()
    for function, what in _per_item(file):
        for place in repeated(file, function):
            if place not in found:
                found.add(place)
                yield Finding(
                    RULE.code,
                    f"seeded with the same {what}: all of them draw the same numbers",
                    file.range(place),
                )


def _per_item(file: File) -> Iterator[tuple[Function, str]]:
    """Yield what is run for each item, epoch or batch, and for which of them."""
    collates = {
        target.node
        for keyword in file.nodes(ast.keyword)
        if keyword.arg == "collate_fn" and (target := file.definition(keyword.value)) is not None
    }
    for function in file.functions:
        if function in collates or "collate" in words(function.name):
            yield function, "for each batch"
            continue
        owner = file.parent(function)
        if not isinstance(owner, ast.ClassDef) or words(owner.name) & _OTHER:
            continue
        if function.name in ("__getitem__", "__getitems__"):
            yield function, "for each item"
        elif function.name == "__iter__" and _iterates(file, owner):
            yield function, "for each epoch"
        elif function.name in ("__call__", "forward") and _TRANSFORMS.search(owner.name):
            yield function, "for each item"


def _iterates(file: File, owner: ast.ClassDef) -> bool:
    return bool(file.ancestors(owner).intersection(_ITERATES)) or bool(_ITERATES_BY_NAME.search(owner.name))


RULE = Rule("SR006", "seed-per-item", "a global generator is seeded with the same for each item", _check)
