"""What a training draws from the global generators while it runs, as far as a file tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from samerun.lint.names import Definition
from samerun.lint.syntax import FUNCTIONS, is_off
from samerun.lint.vocabulary import act

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = ["TrainingDraw", "training_draws"]

Kind = Literal["shuffle", "dropout", "transform", "item", "step"]
# Called once for each item or batch, wherever the call is.
_ITEMS = frozenset(("__getitem__", "__getitems__", "__iter__", "__call__", "collate_fn", "collate"))
_STEPS = frozenset(("forward", "training_step", "train_step", "train_one_epoch", "get_batch", "sample_batch"))
_AUTOMATIC = ("ColorJitter", "AutoAugment", "TrivialAugmentWide", "AugMix", "MixUp", "CutMix")
_OF_TIMM: dict[str, Kind] = {"DropPath": "dropout", "Mixup": "step", "FastCollateMixup": "step"}
# Functions and classes of the project: beyond this there are enough.
_MOST = 300


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
    """Return what draws while a model is trained: not the weights that are drawn once, before.

    Also what draws in the project's other files, in classes and functions that the file uses.
    """
    found = {draw.node: draw for draw in _elsewhere(file)}
    found |= {draw.node: draw for draw in _found(file)}
    return sorted(found.values(), key=lambda draw: (draw.node.lineno, draw.node.col_offset))


def _elsewhere(file: File) -> Iterator[TrainingDraw]:
    """Yield what draws in other files, as the call in this file that leads there."""
    met: set[ast.AST] = set()
    for call in file.nodes(ast.Call):
        target = file.definition(call)
        left = [target] if target is not None and target.file is not file else []
        while left and len(met) < _MOST:
            one = left.pop()
            if one.node in met or not isinstance(one.node, (*FUNCTIONS, ast.ClassDef)):
                continue
            met.add(one.node)
            for node in ast.walk(one.node):
                if isinstance(node, ast.Call):
                    name = one.file.resolve(node.func)
                    kind = _kind(one.file, name, node) if name is not None else None
                    if kind is not None:
                        yield TrainingDraw(kind, call)
                    inner = one.file.definition(node)
                    left += [inner] if inner is not None else []
            left += _bases(one)


def _bases(class_: Definition) -> list[Definition]:
    bases = class_.node.bases if isinstance(class_.node, ast.ClassDef) else []
    found = map(class_.file.definition, bases)
    return [one for one in found if one is not None]


def _found(file: File) -> Iterator[TrainingDraw]:
    for name, calls in file.called.items():
        for call in calls:
            kind = _kind(file, name, call)
            if kind is not None:
                yield TrainingDraw(kind, call)
    for choice in file.nodes(ast.IfExp):  # sampler = RandomSampler if rank == -1 else DistributedSampler
        if any(_is_sampler(file.resolve(one)) for one in (choice.body, choice.orelse)):
            yield TrainingDraw("shuffle", choice)
    for event in file.timeline:
        if event.kind == "draw" and event.training and not _is_start(event.name):
            yield TrainingDraw("step", event.place(file))


def _is_sampler(name: str | None) -> bool:
    return name is not None and name.startswith("torch.utils.data.") and name.endswith("RandomSampler")


def _kind(file: File, name: str, call: ast.Call) -> Kind | None:
    what, last = act(name), name.rpartition(".")[2]
    if what is not None and what.kind == "loader":
        return "shuffle" if not name.startswith("samerun.") and _shuffles(file, call) else None
    if what is not None and any(file.argument(call, own) is not None for own in what.own):
        return None
    if _is_sampler(name):
        return "shuffle"
    if name.startswith("torch.nn.") and "ropout" in last:
        rate = file.argument(call, "p", 1 if "functional" in name else 0)
        return None if is_off(rate) else "dropout"
    if name.startswith("torchvision.transforms.") and (last.startswith("Rand") or last in _AUTOMATIC):
        return "transform"
    if name.startswith("timm."):
        if last == "create_transform":
            return "transform" if _is_true(file.argument(call, "is_training", 1)) else None
        return _OF_TIMM.get(last)
    if what is None or what.kind != "draw" or _is_start(name):
        return None
    function = file.enclosing_function(call)
    around = function.name if function is not None else ""
    if around in _ITEMS:
        return "item"
    if around in _STEPS:
        return "step"
    return "step" if any(file.is_training_loop(loop) for loop in file.loops(call)) else None


def _is_start(name: str) -> bool:
    return name.startswith("torch.nn.init.")


def _shuffles(file: File, call: ast.Call) -> bool:
    return _is_true(file.argument(call, "shuffle", 2)) and file.argument(call, "generator") is None


def _is_true(value: ast.expr | None) -> bool:
    """Return whether an argument is given that is, or may be, true."""
    return value is not None and not is_off(value)
