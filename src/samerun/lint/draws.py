"""What a training draws from the global generators while it runs, as far as a file tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from samerun.lint.vocabulary import act

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = ["TrainingDraw", "training_draws"]

Kind = Literal["shuffle", "dropout", "transform", "item", "step"]
# Called once for each item or batch, wherever the call is.
_ITEMS = frozenset(("__getitem__", "__getitems__", "__iter__", "__call__", "collate_fn", "collate"))
_STEPS = frozenset(("forward", "training_step", "train_step", "train_one_epoch", "get_batch", "sample_batch"))
_SAMPLERS = ("RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler")
_TRANSFORMS = ("torchvision.transforms.", "torchvision.transforms.v2.")
_AUTOMATIC = ("ColorJitter", "AutoAugment", "TrivialAugmentWide", "AugMix", "MixUp", "CutMix")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingDraw:
    """Something that draws again and again while a model is trained.

    Attributes:
        kind: a shuffle of a loader, dropout, a transform that draws, a draw for each item, or one in each step.
        node: the call that draws, that makes what does, or that leads there.
    """

    kind: Kind
    node: ast.expr | ast.stmt


def training_draws(file: File) -> list[TrainingDraw]:
    """Return what draws while a model is trained: not the weights that are drawn once, before."""
    return sorted(_found(file), key=lambda draw: (draw.node.lineno, draw.node.col_offset))


def _found(file: File) -> Iterator[TrainingDraw]:
    for name, calls in file.called.items():
        last = name.rpartition(".")[2]
        for call in calls:
            kind = _kind(file, name, last, call)
            if kind is not None:
                yield TrainingDraw(kind, call)
    for event in file.timeline:
        if event.kind == "draw" and event.training and not _is_start(event.name):
            yield TrainingDraw("step", event.node if event.file is file else event.site)


def _kind(file: File, name: str, last: str, call: ast.Call) -> Kind | None:
    what = act(name)
    if what is not None and what.kind == "loader":
        return "shuffle" if not name.startswith("samerun.") and _shuffles(file, call) else None
    if name.startswith("torch.utils.data.") and last in _SAMPLERS:
        return "shuffle"
    if name.startswith("torch.nn.") and "ropout" in last:
        rate = file.argument(call, "p", 1 if "functional" in name else 0)
        return None if isinstance(rate, ast.Constant) and not rate.value else "dropout"
    if name.startswith(_TRANSFORMS) and (last.startswith("Rand") or last in _AUTOMATIC):
        return "transform"
    if what is None or what.kind != "draw" or _is_start(name):
        return None
    function = file.enclosing(call, ast.FunctionDef, ast.AsyncFunctionDef)
    around = function.name if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else ""
    if around in _ITEMS:
        return "item"
    if around in _STEPS:
        return "step"
    return "step" if any(file.is_training_loop(loop) for loop in file.loops(call)) else None


def _is_start(name: str) -> bool:
    return name.startswith("torch.nn.init.")


def _shuffles(file: File, call: ast.Call) -> bool:
    shuffle = file.argument(call, "shuffle", 2)
    return shuffle is not None and not (isinstance(shuffle, ast.Constant) and not shuffle.value)
