"""A ``DistributedSampler`` shuffles every epoch alike unless it is told which one it is.

What it does:
    Finds a ``DistributedSampler`` in a script that trains for epochs, where neither it nor a module that it imports
    calls ``set_epoch``. It is silent for ``shuffle=False``, for data that is only validated or tested on, and where
    Lightning, Accelerate, the Trainer of transformers or another framework makes the call. Where ``shuffle`` is no
    constant it is found under ``--pedantic``.

Why it is bad:
    The order is made from the sampler's seed and the epoch's number, which stays 0: every epoch has the same batches
    in the same order, so the data is shuffled once and for all. The run can be repeated, and is worse than it seems.

Example:
    ::

        sampler = DistributedSampler(train_set)
        loader = DataLoader(train_set, sampler=sampler)
        for epoch in range(10):
            train(loader)

Experiment:
    Two epochs of one process::

        from torch.utils.data import DistributedSampler

        sampler = DistributedSampler(range(6), num_replicas=1, rank=0)
        first = list(sampler)
        print("the same without set_epoch:", first == list(sampler))
        sampler.set_epoch(1)
        print("the same with it:", first == list(sampler))

    It prints::

        the same without set_epoch: True
        the same with it: False

Use instead:
    ::

        for epoch in range(10):
            sampler.set_epoch(epoch)
            train(loader)

When to silence:
    When all epochs are to have the same order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Edit, Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import is_off

__all__ = ["RULE"]

_SAMPLER = "torch.utils.data.DistributedSampler"
# Packages whose loaders, or whose loop over epochs, call set_epoch, by how the names in them begin.
_LOADERS_CALL_IT = ("lightning.", "accelerate.", "composer.", "samerun.", "ray.")
_LOOPS_CALL_IT = (
    "transformers.Trainer", "transformers.Seq2SeqTrainer", "trl.", "mmengine.", "mmcv.", "catalyst.", "detectron2.",
)  # fmt: skip
# What is useful without the loop.
_NO_LOOPS = ("catalyst.utils.", "catalyst.contrib.", "catalyst.data.", "mmengine.utils.", "mmcv.utils.")
_NOT_TRAINED_ON = ("val", "test", "eval", "infer", "pred", "dev_")
_MOST_MODULES = 60


def _check(file: File) -> Iterable[Finding]:
    found = _samplers(file)
    if not found:
        return
    modules = _modules(file)
    events = {event.file for event in file.timeline if event.kind in ("train", "iterate")}
    running = {file, *events}
    if any(_is_told(module) for module in modules) or not any(map(_has_epochs, running)):
        return
    if any(_uses(module, _LOADERS_CALL_IT) for module in modules):
        return
    if any(_uses(module, _LOOPS_CALL_IT) for module in running):
        return
    told: set[ast.AST] = set()
    for site, call, owner in found:
        shuffle = owner.argument(call, "shuffle", 3)
        if owner.has_unpacking(call) or is_off(shuffle):
            continue
        if site in told or _is_for_evaluation(owner, call) or _is_made_anew(owner, call):
            continue
        told.add(site)
        where = "" if owner is file else f" of {owner.where(call)} of {owner.path.name}"
        yield Finding(
            RULE.code,
            f"the DistributedSampler{where} is never told the epoch, so that all epochs have the order of the first",
            file.range(site),
            _fix(file, call) if owner is file else None,
            pedantic=shuffle is not None and not isinstance(shuffle, ast.Constant),
        )


def _samplers(file: File) -> list[tuple[ast.expr | ast.stmt, ast.Call, File]]:
    """Return each sampler that the file makes, or lets another module make: the place here, the call, its file."""
    found: list[tuple[ast.expr | ast.stmt, ast.Call, File]] = [(call, call, file) for call in file.calls(_SAMPLER)]
    known = {call for _, call, _ in found}
    for event in file.timeline:
        if event.kind == "sampler" and event.name == _SAMPLER and event.node not in known:
            assert isinstance(event.node, ast.Call)
            known.add(event.node)
            found.append((event.site, event.node, event.file))
    return found


def _modules(file: File) -> list[File]:
    """Return a file and the modules of the project that it imports, directly or not."""
    found = [file]
    for module in found:
        for level, name in _imports(module):
            other = module.project.find(module, level, name)
            if other is not None and other not in found and len(found) < _MOST_MODULES:
                found.append(other)
    return found


def _imports(file: File) -> Iterator[tuple[int, str]]:
    for plain in file.nodes(ast.Import):
        yield from ((0, alias.name) for alias in plain.names)
    for statement in file.nodes(ast.ImportFrom):
        yield statement.level, statement.module or ""
        inner = f"{statement.module}." if statement.module else ""
        yield from ((statement.level, f"{inner}{alias.name}") for alias in statement.names)


def _is_told(file: File) -> bool:
    """Return whether a file calls ``set_epoch``, or asks whether there is one."""
    if "set_epoch" not in file.text:
        return False
    if file.attributes("set_epoch"):
        return True
    return any(node.value == "set_epoch" for node in file.nodes(ast.Constant))


def _uses(file: File, packages: tuple[str, ...]) -> bool:
    """Return whether a file calls something of packages, or derives a class from it."""
    names = (*file.called, *(base for node in file.classes for base in file.ancestors(node)))
    return any(name.startswith(packages) and not name.startswith(_NO_LOOPS) for name in names)


def _has_epochs(file: File) -> bool:
    """Return whether a loop of the file trains over and over again on the same data."""
    loops: list[ast.For | ast.AsyncFor | ast.While] = [
        *file.nodes(ast.For),
        *file.nodes(ast.AsyncFor),
        *file.nodes(ast.While),
    ]
    for loop in filter(file.is_training_loop, loops):
        head = [loop.test] if isinstance(loop, ast.While) else [loop.target, loop.iter]
        if file.loops(loop) or any("epoch" in file.segment(node).lower() for node in head):
            return True
    return False


def _is_for_evaluation(file: File, call: ast.Call) -> bool:
    """Return whether what the data, the sampler or its loader is called says so."""
    data = file.argument(call, "dataset", 0)
    texts = [file.segment(data)] if data is not None else []
    for around in file.around(call):
        if isinstance(around, ast.Assign):
            names = [file.segment(target) for target in around.targets]
            texts += [*names, *_loaders_of(file, around, names)]
        elif isinstance(around, ast.FunctionDef):
            texts.append(around.name)
            break
    return any(word in text.lower() for text in texts for word in _NOT_TRAINED_ON)


def _loaders_of(file: File, statement: ast.Assign, names: list[str]) -> Iterator[str]:
    """Yield what the loaders are called that get a sampler by one of these names first after a statement."""
    for call in file.calls("torch.utils.data.DataLoader"):
        sampler = file.argument(call, "sampler", 3)
        around = file.parent(call)
        if call.lineno > statement.lineno and sampler is not None and file.segment(sampler) in names:
            yield from (map(file.segment, around.targets) if isinstance(around, ast.Assign) else ())
            return


def _is_made_anew(file: File, call: ast.Call) -> bool:
    """Return whether each epoch has another sampler with another seed."""
    seed = file.argument(call, "seed", 4)
    return seed is not None and not isinstance(seed, ast.Constant) and "epoch" in file.segment(seed).lower()


def _fix(file: File, call: ast.Call) -> Fix | None:
    """Return the call at the top of the loop over epochs, where the sampler has a name in the same function."""
    statement = file.parent(call)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return None
    name = statement.targets[0].id
    scope = file.index.scopes[statement.targets[0]]
    if len(scope.names[name]) != 1:
        return None
    for loop in file.nodes(ast.For):
        if not isinstance(loop.target, ast.Name) or "epoch" not in loop.target.id.lower():
            continue
        if file.index.scopes[loop.target] is scope and loop.lineno > statement.lineno and file.is_training_loop(loop):
            edit = _first_line(file, loop, f"{name}.set_epoch({loop.target.id})")
            return Fix((edit,), False, f"call {edit.text.strip()}") if edit is not None else None
    return None


def _first_line(file: File, loop: ast.For, text: str) -> Edit | None:
    first = loop.body[0]
    if first.lineno == loop.lineno or isinstance(first, ast.FunctionDef | ast.ClassDef):
        return None
    indent = file.lines[first.lineno - 1][: first.col_offset]
    end = "\r\n" if "\r\n" in file.text else "\n"
    return file.insert(first, f"{text}{end}{indent}", after=False) if not indent.strip() else None


RULE = Rule("SR017", "sampler-without-set-epoch", "a DistributedSampler is never told the epoch", _check)
