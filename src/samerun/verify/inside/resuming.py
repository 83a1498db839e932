"""Frameworks go on from their newest checkpoint, where the script leaves that to its caller."""

from __future__ import annotations

from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(process: Process, _: object) -> None:
    """Give ``Trainer.train`` and ``Trainer.fit`` the checkpoint to go on from, unless the script gives them one."""
    process.when_imported("transformers.trainer", lambda: _transformers(process))
    for module in ("lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer"):
        process.when_imported(module, partial(_lightning, process, module))


def _transformers(process: Process) -> None:
    from transformers import Trainer
    from transformers.trainer_utils import get_last_checkpoint

    original = Trainer.train

    @wraps(original)
    def train(self: Any, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        folder = self.args.output_dir
        if resume_from_checkpoint is None and folder and Path(folder).is_dir():
            resume_from_checkpoint = get_last_checkpoint(folder)  # type: ignore[no-untyped-call]  # it has no types
            process.tell("resumes", framework="transformers", checkpoint=resume_from_checkpoint)
        return original(self, resume_from_checkpoint, *args, **kwargs)

    Trainer.train = train  # type: ignore[method-assign]  # that is the point


def _lightning(process: Process, module: str) -> None:
    import sys

    trainer = sys.modules[module].Trainer
    original = trainer.fit

    @wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ckpt_path") is None and len(args) < _CKPT_PATH:
            kwargs["ckpt_path"] = path = _newest(Path(self.default_root_dir))
            process.tell("resumes", framework="lightning", checkpoint=path)
        return original(self, *args, **kwargs)

    trainer.fit = fit


# The place of ``ckpt_path`` among the arguments of ``Trainer.fit(model, train, val, datamodule, ckpt_path)``.
_CKPT_PATH = 5


def _newest(folder: Path) -> str | None:
    found = sorted(folder.rglob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)
    return str(found[-1]) if found else None
