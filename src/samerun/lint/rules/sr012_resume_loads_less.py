"""A resume loads fewer pieces than were saved.

What it does:
    Finds states that a file saves in a checkpoint (by ``state_dict()``, or by reading a generator) and whose keys it
    never asks for, where it loads other pieces of the same checkpoint to go on with training: the state of an
    optimizer, or the epoch to begin with. Loading weights alone is no resume. It is silent where the checkpoint is
    handed on, so that others may load the rest.

Why it is bad:
    What is not loaded begins anew: the schedule with its first learning rate, the optimizer without its moments,
    the generators with their seed. Nothing fails, and the loss often looks right.

Example:
    ::

        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
        ...
        model.load_state_dict(checkpoint["model"])
        start_epoch = checkpoint["epoch"]

Experiment:
    The last step of four with Adam, after a resume that forgets its moments, and after one that does not::

        import torch


        def step(model, optimizer):
            optimizer.zero_grad()
            model(torch.ones(1, 1)).square().sum().backward()
            optimizer.step()


        def run(load):
            torch.manual_seed(0)
            model = torch.nn.Linear(1, 1)
            optimizer = torch.optim.Adam(model.parameters())
            for _ in range(3):
                step(model, optimizer)
            saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            pieces = {"model": model, "optimizer": torch.optim.Adam(model.parameters())}
            for name in load:
                pieces[name].load_state_dict(saved[name])
            step(model, optimizer if not load else pieces["optimizer"])
            return model.weight.item()


        print("the model alone:", run(["model"]) == run([]))
        print("the optimizer, too:", run(["model", "optimizer"]) == run([]))

    It prints::

        the model alone: False
        the optimizer, too: True

Use instead:
    Load all that was saved::

        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])

When to silence:
    When the piece is meant to begin anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from samerun.lint.checkpoints import Checkpoint, Load
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import FUNCTIONS, called, names_in, text_of

__all__ = ["RULE"]

_STARTS = re.compile(r"start|resum|begin", re.IGNORECASE)
# What is given the dictionary and loads nothing from it.
_READERS = frozenset(("print", "isinstance", "len", "list", "sorted", "type", "set", "hasattr", "id", "dict"))


def _check(file: File) -> Iterable[Finding]:
    checkpoints = [*file.checkpoints.written, *file.checkpoints.reached]
    loads = [load for load in file.checkpoints.loads if load.key is not None]
    if not checkpoints or not loads or any(_is_any_key(load) for load in file.checkpoints.loads):
        return
    names = {name.id: file.enclosing(name, *FUNCTIONS) for load in loads for name in _dictionary(load)}
    if _is_handed_on(file, names):
        return
    resuming = {*_loading_a_training(file, loads), *_starting_later(file, names)}
    loads = [load for load in loads if file.enclosing(load.node, *FUNCTIONS) in resuming]
    asked = set(_asked(file))
    told: set[str] = set()
    for checkpoint in checkpoints:
        mine = [load for load in loads if load.key in checkpoint.keys]
        missed = {key: node for key, node in _saved(file, checkpoint, mine) if key not in asked and key not in told}
        if mine and missed and not checkpoint.open:
            told.update(missed)
            keys = " and ".join(f'"{key}"' for key in missed)
            where = checkpoint.file.where(next(iter(missed.values())))
            of = "" if checkpoint.file is file else f" of {checkpoint.file.path.name}"
            message = f"the resume never loads {keys}, which {where}{of} saves"
            yield Finding(RULE.code, message, file.range(mine[-1].node))


def _saved(file: File, checkpoint: Checkpoint, loads: list[Load]) -> Iterator[tuple[str, ast.AST]]:
    models = any(load.role == "model" for load in loads)
    for piece in checkpoint.pieces:
        # Weights may come from a file of their own.
        if piece.key is not None and (piece.role != "model" or models):
            yield piece.key, piece.node
    if isinstance(checkpoint.node, ast.Dict):
        for key, value in zip(checkpoint.node.keys, checkpoint.node.values, strict=True):
            text = text_of(key)
            if text is not None and _reads_a_generator(checkpoint.file, value) and not file.does("restore"):
                yield text, value


def _reads_a_generator(file: File, value: ast.expr) -> bool:
    found = (file.act(node) for node in ast.walk(value) if isinstance(node, ast.Call))
    return any(what is not None and what.kind == "capture" for what in found)


def _is_any_key(load: Load) -> bool:
    """Return whether a key is looked up that is no text: it may be each of them."""
    value = load.node.args[0] if load.node.args else None
    return load.key is None and isinstance(value, ast.Subscript)


def _dictionary(load: Load) -> Iterator[ast.Name]:
    value: ast.AST | None = load.node.args[0] if load.node.args else None
    while isinstance(value, ast.Subscript | ast.Attribute | ast.Call):
        value = value.func if isinstance(value, ast.Call) else value.value
    if isinstance(value, ast.Name):
        yield value


def _is_handed_on(file: File, names: dict[str, ast.AST | None]) -> bool:
    for node in (node for name in names for node in file.named(name)):
        if file.enclosing(node, *FUNCTIONS) is not names[node.id]:
            continue
        parent = file.parent(node)
        if isinstance(parent, ast.Return | ast.Yield | ast.Dict | ast.Tuple | ast.List | ast.keyword | ast.Starred):
            return True
        if isinstance(parent, ast.For | ast.comprehension) and parent.iter is node:
            return True
        if isinstance(parent, ast.Attribute) and parent.attr in ("items", "values", "keys"):
            return True
        if isinstance(parent, ast.Assign) and parent.value is node:
            return True
        if isinstance(parent, ast.Call) and parent.func is not node:
            called = parent.func.id if isinstance(parent.func, ast.Name) else ""
            if called not in _READERS and not _is_loaded(parent):
                return True
    return False


def _is_loaded(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "load_state_dict"


def _loading_a_training(file: File, loads: list[Load]) -> Iterator[ast.AST | None]:
    """Yield the functions that load what weights alone do not need; None for the module."""
    for load in loads:
        if load.role in ("optimizer", "scheduler", "scaler"):
            yield file.enclosing(load.node, *FUNCTIONS)


def _starting_later(file: File, names: dict[str, ast.AST | None]) -> Iterator[ast.AST | None]:
    """Yield the functions that take from the dictionary what to begin with; None for the module."""
    for node in file.nodes(ast.Assign):
        target = node.targets[0]
        if _STARTS.search(called(target)) and not names_in(node.value).isdisjoint(names):
            yield file.enclosing(node, *FUNCTIONS)


def _asked(file: File) -> Iterator[str]:
    """Yield all texts that something may be looked up by."""
    for node in file.nodes(ast.Constant):
        if not isinstance(node.value, str):
            continue
        parent = file.parent(node)
        if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
            continue
        if isinstance(parent, ast.Subscript | ast.Call | ast.Compare | ast.Tuple | ast.List | ast.Set):
            yield node.value


RULE = Rule("SR012", "resume-loads-less", "a resume loads fewer pieces than were saved", _check)
