"""What a file shows its writer to be about: data, the same run again, a GPU."""

from __future__ import annotations

import ast
from collections.abc import Callable

from samerun.lint.file import File
from samerun.lint.syntax import Function
from samerun.lint.vocabulary import CPU, CUDA, Act, act

__all__ = ["about_data", "seeds", "sets_flag", "uses_cuda"]

_DETERMINISTIC = (
    "torch.use_deterministic_algorithms",
    "torch.set_deterministic",
    "torch.set_deterministic_debug_mode",
    "samerun.deterministic",
    "transformers.enable_full_determinism",
    "monai.utils.set_determinism",
)
_TORCH = frozenset((CPU, CUDA))
_PACKAGES = frozenset(
    "torch numpy pandas tensorflow keras sklearn datasets PIL cv2 torchvision transformers jax lightning fastai monai "
    "torchaudio librosa imageio skimage polars xgboost lightgbm tifffile nibabel h5py".split()
)


def about_data(file: File) -> bool:
    """Return whether a file imports anything that data is read, counted or trained with."""
    for node in file.nodes(ast.Import):
        if any(alias.name.partition(".")[0] in _PACKAGES for alias in node.names):
            return True
    return any(
        not node.level and (node.module or "").partition(".")[0] in _PACKAGES for node in file.nodes(ast.ImportFrom)
    )


def seeds(file: File) -> bool:
    """Return whether a file seeds a generator of torch, itself or by a function of the project that it calls."""
    return _has(file, lambda found, _: found.kind == "seed" and not _TORCH.isdisjoint(found.libraries))


def sets_flag(file: File) -> bool:
    """Return whether a file asks torch for deterministic algorithms, itself or by what it calls, in any way."""
    if any(file.argument(call, "deterministic") is not None for call in file.calls("lightning.Trainer")):
        return True
    return bool(file.calls(*_DETERMINISTIC)) or _has(
        file, lambda found, name: found.kind == "flag" and name in _DETERMINISTIC
    )


def uses_cuda(file: File) -> bool:
    """Return whether a file puts anything on a GPU, or asks whether there is one."""
    if any(name.startswith(("torch.cuda.", "torch.amp.")) for name in file.called):
        return True
    for node in file.nodes(ast.Constant):
        if isinstance(node.value, str) and (node.value == "cuda" or node.value.startswith("cuda:")):
            return True
    return any(
        isinstance(call.func, ast.Attribute) and call.func.attr == "cuda" and file.resolve(call.func) is None
        for call in file.nodes(ast.Call)
    )


def _has(file: File, wanted: Callable[[Act, str], bool]) -> bool:
    """Return whether a call that is wanted, by what it does and its name, is in a file or in what it calls."""

    def fits(name: str) -> bool:
        found = act(name)
        return found is not None and wanted(found, name)

    if any(fits(name) for name in file.called) or any(fits(event.name) for event in file.timeline):
        return True
    # What is called in a function that nothing here calls.
    called = (file.definition(call) for call in file.nodes(ast.Call))
    return any(
        fits(event.name)
        for target in called
        if target is not None and target.file is not file and isinstance(target.node, Function)
        for event in target.file.timeline_of(target.node)
    )
