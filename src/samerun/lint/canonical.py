"""One name for what libraries offer under several: ``torch.random.manual_seed`` is ``torch.manual_seed``."""

from __future__ import annotations

import sys
from functools import lru_cache

__all__ = ["canonical", "is_library"]

# What a name begins with, and what it is called here. Applied until nothing changes; the longest match counts.
_MOVED = {
    "torch.random": "torch",
    "torch.cuda.random": "torch.cuda",
    "torch.utils.data.dataloader": "torch.utils.data",
    "torch.utils.data.dataset": "torch.utils.data",
    "torch.utils.data.sampler": "torch.utils.data",
    "torch.utils.data.distributed": "torch.utils.data",
    "torch.nn.modules": "torch.nn",
    "torch.optim.adam": "torch.optim",
    "torch.optim.adamw": "torch.optim",
    "torch.optim.sgd": "torch.optim",
    "torch.cuda.amp.grad_scaler": "torch.cuda.amp",
    "torch.cuda.amp.GradScaler": "torch.amp.GradScaler",
    "torch.amp.grad_scaler": "torch.amp",
    "numpy.random.mtrand": "numpy.random",
    "lightning.pytorch": "lightning",
    "pytorch_lightning": "lightning",
    "lightning.fabric.utilities.seed": "lightning",
    "lightning_fabric.utilities.seed": "lightning",
    "lightning.utilities.seed": "lightning",
    "lightning.trainer.trainer": "lightning",
    "lightning.core.module": "lightning",
    "transformers.trainer_utils": "transformers",
    "accelerate.utils.random": "accelerate.utils",
    "ignite.utils": "ignite",
    "timm.utils.random": "timm.utils",
    "fastai.torch_core": "fastai",
    "fastai.vision.all": "fastai",
    "fastai.tabular.all": "fastai",
    "fastai.text.all": "fastai",
    "fastai.basics": "fastai",
    "monai.utils.misc": "monai.utils",
    "samerun.rng": "samerun",
    "samerun.rng.seeding": "samerun",
    "samerun.determinism": "samerun",
}
# Standard and well known packages are never looked for beside the file that imports them.
_KNOWN = frozenset(
    "accelerate albumentations fastai ignite jax keras lightning lightning_fabric matplotlib monai numpy pandas PIL "
    "pytorch_lightning samerun scipy sklearn tensorflow timm torch torchaudio torchdata torchvision transformers "
    "tqdm wandb".split()
)


@lru_cache(maxsize=16384)
def canonical(name: str) -> str:
    """Return the one name for a dotted name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        moved = _MOVED.get(head, head)
        if moved != head:
            return canonical(".".join([moved, *parts[length:]]))
    # Modules of torch.nn are re-exported where they are defined: torch.nn.linear.Linear is torch.nn.Linear.
    if len(parts) == 4 and parts[:2] == ["torch", "nn"] and parts[2].islower() and parts[3][:1].isupper():
        return f"torch.nn.{parts[3]}" if parts[2] not in ("utils", "init", "parallel", "functional") else name
    return name


@lru_cache(maxsize=4096)
def is_library(package: str) -> bool:
    """Return whether a top-level package is a library's, whatever lies beside the file."""
    return package in _KNOWN or package in sys.stdlib_module_names
