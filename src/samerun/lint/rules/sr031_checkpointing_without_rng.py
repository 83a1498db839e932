"""Activation checkpointing without the generators' states drops other units the second time.

What it does:
    Finds ``preserve_rng_state=False`` in calls of ``torch.utils.checkpoint.checkpoint`` and ``checkpoint_sequential``
    in files that have dropout, or something like it, themselves or in the modules of the project that they import.
    Where none is seen it says so under ``--pedantic``.

Why it is bad:
    Checkpointing computes the layers again in the backward pass. Without the states dropout draws another mask then,
    so the gradients are those of another network than the one whose loss was computed. No error says so.

Example:
    ::

        y = checkpoint(block, x, preserve_rng_state=False, use_reentrant=False)

Experiment:
    The input is all ones, so that the output shows the mask of dropout, and the gradient that of the second time::

        import torch
        from torch.utils.checkpoint import checkpoint


        def layer(x):
            return torch.dropout(x, 0.5, True) * x


        for preserve in (False, True):
            torch.manual_seed(0)
            x = torch.ones(100, requires_grad=True)
            y = checkpoint(layer, x, preserve_rng_state=preserve, use_reentrant=False)
            y.sum().backward()
            print(f"preserve_rng_state={preserve}: the same mask:", torch.equal(x.grad, 2 * y))

    It prints::

        preserve_rng_state=False: the same mask: False
        preserve_rng_state=True: the same mask: True

Use instead:
    The default, ``preserve_rng_state=True``.

When to silence:
    When what is checkpointed draws nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import called, is_constant

__all__ = ["RULE"]

_CHECKPOINTS = ("torch.utils.checkpoint.checkpoint", "torch.utils.checkpoint.checkpoint_sequential")
_DRAWS = frozenset(
    "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout dropout dropout1d dropout2d dropout3d "
    "alpha_dropout feature_alpha_dropout RReLU rrelu gumbel_softmax DropPath drop_path StochasticDepth "
    "stochastic_depth".split()
)
# Arguments that say how much is dropped.
_RATES = frozenset(("dropout", "dropout_p", "attn_drop", "proj_drop", "drop_path", "drop_rate", "attn_pdrop"))


def _check(file: File) -> Iterable[Finding]:
    found = []
    for call in file.calls(*_CHECKPOINTS):
        value = file.argument(call, "preserve_rng_state")
        if value is not None and is_constant(value, False):
            found.append((call, value))
    if not found:
        return
    drawing = any(_draws(one) for one in _with_imported(file))
    for call, value in found:
        message = (
            "dropout draws another mask when the layers are computed again, as preserve_rng_state is False"
            if drawing
            else "whatever draws in the layers draws anew when they are computed again, as preserve_rng_state is False"
        )
        fix = Fix((file.replace(value, "True"),), False, "keep the states of the generators")
        yield Finding(RULE.code, message, file.range(call), fix, pedantic=not drawing)


def _with_imported(file: File) -> list[File]:
    """Return the file and the modules of the project that it imports."""
    found = [file]
    for node in file.nodes(ast.ImportFrom):
        module = file.project.find(file, node.level, node.module or "")
        if module is not None and module not in found:
            found.append(module)
    for imported in file.nodes(ast.Import):
        for alias in imported.names:
            module = file.project.find(file, 0, alias.name)
            if module is not None and module not in found:
                found.append(module)
    return found


def _draws(file: File) -> bool:
    """Return whether a file makes or calls anything that draws in a layer."""
    for call in file.nodes(ast.Call):
        last = called(call)
        name = file.resolve(call.func)
        if last in _DRAWS and (name is None or name.startswith(("torch.", "torchvision.", "timm."))):
            rate = file.argument(call, "p", 0) if last[0].isupper() else None
            if not _is_nothing(rate):
                return True
        if any(keyword.arg in _RATES and not _is_nothing(keyword.value) for keyword in call.keywords):
            return True
    return False


def _is_nothing(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, 0.0, None)


RULE = Rule("SR031", "checkpointing-without-rng", "layers computed again draw anew", _check)
