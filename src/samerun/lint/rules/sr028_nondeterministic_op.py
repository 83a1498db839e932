"""Some operations add in another order each time on a GPU, unless torch is told not to.

What it does:
    Finds operations that torch's documentation of ``use_deterministic_algorithms`` names, where several numbers are
    added into one place: ``scatter_add_``, ``index_add_``, ``bincount`` with weights, bilinear ``interpolate``,
    ``grid_sample``, padding by reflection, ``CTCLoss`` and others; in files that seed torch, use CUDA and never call
    it. Each operation is named once. Those that matter only in the backward pass are named where the file trains.
    What repeats itself for most shapes, such as ``AdaptiveAvgPool2d``, and files that do not name CUDA, are for
    ``--pedantic``.

Why it is bad:
    Threads of a GPU add to the same number in the order in which they come to it. That order is another one each
    time, and floating point sums depend on it in the last bits. No seed has a say in it.

Example:
    ::

        torch.manual_seed(0)
        total = torch.zeros(10, device="cuda").index_add_(0, where, values)

Experiment:
    The same three numbers, added to the same place in two orders, twice in each::

        import torch

        numbers = torch.tensor([1e8, 1.0, -1e8])
        where = torch.tensor([0, 0, 0])
        for order in ([0, 1, 2], [0, 2, 1]):
            print(order, *(torch.zeros(1).index_add_(0, where, numbers[order]).item() for _ in range(2)))

    It prints::

        [0, 1, 2] 0.0 0.0
        [0, 2, 1] 1.0 1.0

Use instead:
    ::

        torch.use_deterministic_algorithms(True)

    It takes a deterministic algorithm where there is one, and refuses the operation where there is none.

When to silence:
    When it is run on the CPU alone, or on numbers whose sum does not depend on their order, such as integers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.intent import seeds, sets_flag, uses_cuda
from samerun.lint.rule import Rule
from samerun.lint.vocabulary import MODELS

__all__ = ["RULE"]


@dataclass(frozen=True, slots=True)
class _Operation:
    """What is known of an operation.

    Attributes:
        cured: whether torch has a deterministic algorithm for it; a tuple: with which values of the argument it has.
        backward: whether only its backward pass adds in any order.
        argument: an argument that it depends on, and its position.
        values: the values of that argument with which it does; empty for any but None and False.
        rare: whether it repeats itself for most shapes.
        source: the position of what is added, which does no harm if it is all ones.
    """

    cured: bool | tuple[str, ...]
    backward: bool = False
    argument: tuple[str, int | None] | None = None
    values: tuple[str, ...] = ()
    rare: bool = False
    source: int | None = None


_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear")
_BORDERS = ("reflect", "replicate")


def _resizes(position: int) -> _Operation:
    return _Operation(cured=("bilinear", "trilinear"), backward=True, argument=("mode", position), values=_SMOOTH)


def _pads(keyword: str, position: int) -> _Operation:
    return _Operation(cured=("replicate",), backward=True, argument=(keyword, position), values=_BORDERS)


_REDUCES = _Operation(cured=("sum", "mean"), argument=("reduce", 3), values=("sum", "mean", "prod"), source=2)
_ADD = _Operation(cured=True, source=2)
_RARE = _Operation(cured=False, backward=True, rare=True)
_UNCURED = _Operation(cured=False, backward=True)
_CURED = _Operation(cured=True, backward=True)
# Of methods and of functions alike; the position of an argument is that of the method's.
_METHODS = {
    "scatter_add_": _ADD,
    "scatter_add": _ADD,
    "index_add_": _ADD,
    "index_add": _ADD,
    "scatter_reduce_": _REDUCES,
    "scatter_reduce": _REDUCES,
    "put_": _Operation(cured=False, argument=("accumulate", 2), source=1),
    "bincount": _Operation(cured=False, argument=("weights", 0)),
}
_NAMES = {
    **{f"torch.nn.functional.{name}": _UNCURED for name in ("grid_sample", "ctc_loss", "fractional_max_pool2d")},
    **{f"torch.nn.{name}": _UNCURED for name in ("CTCLoss", "FractionalMaxPool2d", "FractionalMaxPool3d")},
    **{f"torch.nn.{name}": _UNCURED for name in ("ReflectionPad2d", "ReflectionPad3d")},
    **{f"torch.nn.ReplicationPad{n}d": _CURED for n in (1, 2, 3)},
    "torch.nn.Upsample": _resizes(2),
    "torch.nn.UpsamplingBilinear2d": _CURED,
    "torch.nn.functional.interpolate": _resizes(3),
    "torch.nn.functional.upsample": _resizes(3),
    "torch.nn.functional.pad": _pads("mode", 2),
    "torch.nn.Conv2d": _pads("padding_mode", 8),
    "torch.nn.EmbeddingBag": _Operation(cured=False, backward=True, argument=("mode", 5), values=("max",)),
    **{f"torch.nn.{name}": _RARE for name in ("AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool2d")},
    **{f"torch.nn.{name}": _RARE for name in ("AvgPool3d", "MaxPool3d", "ReflectionPad1d")},
    **{f"torch.nn.MaxUnpool{n}d": _RARE for n in (1, 2, 3)},
}
# The mean of all, which is another algorithm.
_WHOLE = frozenset(("1", "(1,1)", "[1,1]", "(1,1,1)"))


def _check(file: File) -> Iterable[Finding]:
    found = _operations(file)
    if not found or sets_flag(file) or not seeds(file):
        return
    cuda, trains = uses_cuda(file), _trains(file)
    named: set[tuple[str, bool]] = set()
    for call, name, operation, cured in found:
        pedantic = not cuda or operation.rare or (operation.backward and not (trains and _is_in_a_layer(file, call)))
        if (name, pedantic) in named:
            continue
        named.add((name, pedantic))
        what = f"the backward pass of {name}" if operation.backward else name
        cure = (
            "adds in any order on a GPU without torch.use_deterministic_algorithms(True)"
            if cured
            else "adds in any order on a GPU; torch.use_deterministic_algorithms(True) would refuse it"
        )
        yield Finding(RULE.code, f"{what} {cure}", file.range(call), pedantic=pedantic)


def _operations(file: File) -> list[tuple[ast.Call, str, _Operation, bool]]:
    """Return the calls that do not repeat themselves, in the order of the text, and whether torch has a cure."""
    found = []
    for name, calls in file.called.items():
        last = name.rpartition(".")[2]
        operation, shift = _NAMES.get(name), 0
        if operation is None and name == f"torch.{last}":
            operation, shift = _METHODS.get(last), 1
        if operation is not None:
            found += [
                (call, last, operation, _is_cured(file, call, operation, shift))
                for call in calls
                if _depends(file, call, operation, shift)
            ]
    for call in file.nodes(ast.Call):
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in _METHODS and file.names.meaning(function) is None:
            operation = _METHODS[function.attr]
            if _depends(file, call, operation, 0):
                found.append((call, function.attr, operation, _is_cured(file, call, operation, 0)))
    return sorted(found, key=lambda one: (one[0].lineno, one[0].col_offset))


def _depends(file: File, call: ast.Call, operation: _Operation, shift: int) -> bool:
    """Return whether the order counts with the arguments that are given; not so if that cannot be known."""
    if operation.source is not None:
        source = file.argument(call, "src", operation.source + shift) or file.argument(call, "source")
        if _is_ones(file, source):
            return False
    if operation.rare and call.args and "".join(file.segment(call.args[0]).split()) in _WHOLE:
        return False
    if operation.argument is None:
        return True
    given = _given(file, call, operation.argument, shift)
    if not operation.values:
        return given is not None and not (isinstance(given, ast.Constant) and given.value in (None, False))
    return isinstance(given, ast.Constant) and given.value in operation.values


def _is_cured(file: File, call: ast.Call, operation: _Operation, shift: int) -> bool:
    """Return whether torch has a deterministic algorithm for a call."""
    if isinstance(operation.cured, bool) or operation.argument is None:
        return bool(operation.cured)
    given = _given(file, call, operation.argument, shift)
    return isinstance(given, ast.Constant) and given.value in operation.cured


def _given(file: File, call: ast.Call, argument: tuple[str, int | None], shift: int) -> ast.expr | None:
    keyword, position = argument
    return file.argument(call, keyword, position + shift if position is not None else None)


def _is_ones(file: File, node: ast.expr | None) -> bool:
    """Return whether ones are added, whose sum is exact in any order."""
    if isinstance(node, ast.Name):
        values = [binding.value for binding in file.names.bindings(node)]
        return bool(values) and all(isinstance(value, ast.Call) and _is_ones(file, value) for value in values)
    if not isinstance(node, ast.Call):
        return False
    own = isinstance(node.func, ast.Attribute) and node.func.attr in ("new_ones", "long", "int")
    return own or file.resolve(node.func) in ("torch.ones", "torch.ones_like")


def _is_in_a_layer(file: File, call: ast.Call) -> bool:
    """Return whether a call is differentiated for all that is known: makes a layer, or is in one."""
    name = file.resolve(call.func) or ""
    if not name.startswith("torch.nn.functional."):
        return True
    if name.endswith(".pad"):  # two numbers pad one dimension, where no more than two are added
        sides = file.argument(call, "pad", 1)
        if not isinstance(sides, ast.Tuple | ast.List) or len(sides.elts) < 4:
            return False
    around = file.enclosing(call, ast.ClassDef)
    return around is not None and bool(MODELS & file.ancestors(around))


def _trains(file: File) -> bool:
    """Return whether the file has a backward pass, or leaves it to a trainer."""
    if any(isinstance(call.func, ast.Attribute) and call.func.attr == "backward" for call in file.nodes(ast.Call)):
        return True
    return bool(file.calls("lightning.Trainer", "transformers.Trainer"))


RULE = Rule("SR028", "nondeterministic-op", "an operation adds in another order each time on a GPU", _check)
