"""Frameworks go on from their newest checkpoint, where the script leaves that to its caller."""

from __future__ import annotations

from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(process: Process, _: object) -> None:
    """Give the script the checkpoint to go on from, where it leaves that open.

    That is an argument of transformers' ``Trainer.train`` and of Lightning's ``Trainer.fit``, and the option
    ``--resume_from_checkpoint`` of scripts that save with ``Accelerator.save_state``.
    """
    process.when_imported("accelerate", lambda: _accelerate(process))
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
        process.tell("resumes", checkpoint=str(resume_from_checkpoint))
        return original(self, resume_from_checkpoint, *args, **kwargs)

    Trainer.train = train  # type: ignore[method-assign]  # that is the point


def _lightning(process: Process, module: str) -> None:
    import sys

    trainer = sys.modules[module].Trainer
    original = trainer.fit

    @wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ckpt_path") is None and len(args) < _CKPT_PATH:
            folders = [callback.dirpath for callback in self.checkpoint_callbacks if callback.dirpath]
            kwargs["ckpt_path"] = _newest(Path(self.default_root_dir), *map(Path, folders))
        process.tell("resumes", checkpoint=str(kwargs.get("ckpt_path")))
        return original(self, *args, **kwargs)

    trainer.fit = fit


def _accelerate(process: Process) -> None:
    import sys
    from argparse import ArgumentParser

    original = ArgumentParser.parse_known_args

    @wraps(original)
    def parse_known_args(*args: Any, **kwargs: Any) -> Any:
        options, rest = original(*args, **kwargs)
        if not getattr(options, _OPTION, "given") and (folder := _newest_state(process.folder)) is not None:
            setattr(options, _OPTION, folder)
        return options, rest

    ArgumentParser.parse_known_args = parse_known_args  # type: ignore[method-assign]  # that is the point

    accelerator = sys.modules["accelerate"].Accelerator
    load_state = accelerator.load_state

    @wraps(load_state)
    def loaded(self: Any, input_dir: Any = None, *args: Any, **kwargs: Any) -> Any:
        process.tell("resumes", checkpoint=str(input_dir))
        return load_state(self, input_dir, *args, **kwargs)

    accelerator.load_state = loaded


# As the option is called in Accelerate's own examples.
_OPTION = "resume_from_checkpoint"


def _newest_state(folder: Path) -> str | None:
    """Return the newest folder that ``save_state`` wrote to its end: the generators are what it writes last."""
    found = sorted(folder.rglob("random_states_0.pkl"), key=lambda path: path.stat().st_mtime_ns)
    return str(found[-1].parent) if found else None


# The place of ``ckpt_path`` among the arguments of ``Trainer.fit(model, train, val, datamodule, ckpt_path)``.
_CKPT_PATH = 5


def _newest(*folders: Path) -> str | None:
    found = {path.resolve() for folder in folders for path in folder.rglob("*.ckpt")}
    return str(max(found, key=lambda path: path.stat().st_mtime_ns)) if found else None
