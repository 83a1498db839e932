"""Albumentations 2 draws from generators of its own, which no global seed reaches.

What it does:
    Finds a ``Compose`` of albumentations with transforms that draw and without ``seed=``. It is silent where the file
    calls ``set_random_seed``, where samerun's loader keys the generators, and in code for older versions of
    albumentations, up to 1.4.18, which draw from the global generators: such code has transforms or arguments that 2.0
    does not have. ``ReplayCompose`` takes no ``seed=``, and needs the call of ``set_random_seed``.
    A ``seed=`` in a file whose loader has workers is found under ``--pedantic``.

Why it is bad:
    The images differ in every run, although everything that is known to be a generator was seeded. With a seed, and
    workers that are not told apart, each worker gets a copy of the same generators and augments as the others do.

Example:
    ::

        transform = A.Compose([A.HorizontalFlip(p=0.5), A.Normalize()])

Experiment:
    The global seeds are the same, and then the ``Compose`` has one of its own::

        import os

        os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

        import albumentations as A
        import numpy as np
        import samerun

        image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)


        def run(**seed):
            samerun.seed_everything(0)
            transform = A.Compose([A.HorizontalFlip(p=0.5)], **seed)
            return [int(transform(image=image)["image"][0, 0, 0]) for _ in range(100)]


        print("global seeds, the same:", run() == run())
        print("a seed of its own, the same:", run(seed=0) == run(seed=0))

    It prints::

        global seeds, the same: False
        a seed of its own, the same: True

Use instead:
    A seed, and ``samerun.DataLoader``, which keys the generators of a dataset by epoch and item, whichever worker
    makes it::

        transform = A.Compose([A.HorizontalFlip(p=0.5), A.Normalize()], seed=seed)

When to silence:
    With albumentations up to 1.4.18.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from samerun.lint.at_hand import seed_at
from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import is_constant
from samerun.lint.vocabulary import KEYED_LOADERS

__all__ = ["RULE"]

_COMPOSES = frozenset(("Compose", "ReplayCompose"))
_NO_TRANSFORMS = frozenset(("Compose", "ReplayCompose", "Sequential", "BboxParams", "KeypointParams"))
# With p=1, which is what these have by default, they do not draw.
_FIXED = frozenset(
    "Resize Normalize ToTensorV2 ToTensor3D CenterCrop CenterCrop3D LongestMaxSize SmallestMaxSize PadIfNeeded Pad "
    "PadIfNeeded3D Pad3D ToFloat FromFloat Crop Lambda NoOp".split()
)
# The same, but by default they have p=0.5.
_FIXED_WITH_P = frozenset("HorizontalFlip VerticalFlip Transpose ToGray InvertImg ToSepia".split())
# What 2.0 does not have.
_GONE = frozenset("Cutout Flip JpegCompression RandomBrightness RandomContrast ToTensor".split())
_GONE_ARGUMENTS = frozenset(
    "always_apply max_holes min_holes var_limit alpha_affine value mask_value fill_value mask_fill_value quality_lower "
    "quality_upper".split()
)
_WITHOUT_SIZE = frozenset(("RandomResizedCrop", "RandomSizedCrop"))


def _check(file: File) -> Iterable[Finding]:
    calls = {
        call: name.rpartition(".")[2]
        for name, calls in file.called.items()
        if name.startswith("albumentations.")
        for call in calls
    }
    composes = [call for call, last in calls.items() if last in _COMPOSES]
    if not composes or any(_is_of_old(call, last) for call, last in calls.items()) or _is_keyed(file):
        return
    inside = {node for call in calls for node in ast.walk(call) if node is not call}
    for call in composes:
        if call in inside or file.has_unpacking(call) or _is_part(file, call, inside):
            continue
        if not any(_draws(file, node, calls) for node in _listed(file, call)):
            continue
        seed = file.argument(call, "seed", 8)
        name = file.segment(call.func)
        if seed is None or is_constant(seed, None):
            if calls[call] == "ReplayCompose":
                message = f"{name} draws from generators of its own, which only its set_random_seed reaches"
                yield Finding(RULE.code, message, file.range(call))
                continue
            given = seed_at(file, call)
            edit = file.add_argument(call, f"seed={given}") if seed is None else file.replace(seed, given)
            message = f"{name} without seed= draws from generators of its own, which no global seed reaches"
            yield Finding(RULE.code, message, file.range(call), Fix((edit,), False, f"add seed={given}"))
        elif _has_workers(file):
            message = f"the generators of {name} are copied into each worker of the loader, so that all draw alike"
            yield Finding(RULE.code, message, file.range(call), pedantic=True)


def _is_keyed(file: File) -> bool:
    """Return whether the generators are set by what is called: by name, or by samerun's loader for each item."""
    if file.calls(*KEYED_LOADERS):
        return True
    return any(file.attributes(name) for name in ("set_random_seed", "set_random_state"))


def _is_of_old(call: ast.Call, name: str) -> bool:
    """Return whether a call is one that 2.0 does not know any more."""
    names = {keyword.arg for keyword in call.keywords}
    if name in _GONE or name.startswith("IAA") or names & _GONE_ARGUMENTS:
        return True
    return name in _WITHOUT_SIZE and ("height" in names or sum(map(_is_number, call.args)) > 1)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _listed(file: File, call: ast.Call) -> list[ast.AST]:
    """Return all that the list of transforms is made of, where it can be read."""
    given = file.argument(call, "transforms", 0)
    if isinstance(given, ast.Name):
        bindings = file.names.bindings(given)
        value = bindings[0].value if len(bindings) == 1 else None
        given = value if isinstance(value, ast.List | ast.Tuple) else None
    return list(ast.walk(given)) if isinstance(given, ast.List | ast.Tuple) else []


def _draws(file: File, node: ast.AST, calls: dict[ast.Call, str]) -> bool:
    name = calls.get(node, "") if isinstance(node, ast.Call) else ""
    if not name[:1].isupper() or name in _NO_TRANSFORMS:
        return False
    assert isinstance(node, ast.Call)
    p = file.argument(node, "p")
    value = p.value if isinstance(p, ast.Constant) else None
    if value == 0 or (p is not None and value is None and name in _FIXED):
        return False
    if name in _FIXED:
        return p is not None and value != 1
    return not (name in _FIXED_WITH_P and value == 1)


def _is_part(file: File, call: ast.Call, inside: set[ast.AST]) -> bool:
    """Return whether it goes by its name into another one, which sets the generators of its parts."""
    statement = file.parent(call)
    names = (
        {node.id for node in statement.targets if isinstance(node, ast.Name)}
        if isinstance(statement, ast.Assign)
        else set()
    )
    return any(isinstance(node, ast.Name) and node.id in names for node in inside)


def _has_workers(file: File) -> bool:
    for call in file.calls("torch.utils.data.DataLoader"):
        number = file.argument(call, "num_workers", 5)
        if isinstance(number, ast.Constant) and isinstance(number.value, int) and number.value > 0:
            return True
    return False


RULE = Rule("SR018", "albumentations-unseeded", "a Compose of albumentations has no seed of its own", _check)
