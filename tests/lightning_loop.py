"""Lightning's loop, and the batches it saw; also a program, for processes of its own."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import ModelCheckpoint

from noisy import Noisy, bits
from samerun import DataLoader


def loader(workers: int = 0, size: int = 40, **options: Any) -> DataLoader[torch.Tensor]:
    return DataLoader(Noisy(size), **{"batch_size": 4, "shuffle": True, "num_workers": workers, "seed": 7, **options})


def bare(epochs: int, **options: Any) -> list[str]:
    """The batches of the loader alone."""
    alone = loader(**options)
    return [bits(batch).hex() for _ in range(epochs) for batch in alone]


class Recorder(pl.LightningModule):
    """Notes the bits of each batch, and for training also of each item."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(7, 1).double()
        self.seen: list[str] = []
        self.items: list[list[str]] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.seen.append(bits(batch).hex())
        self.items.append([bits(item).hex() for item in batch])
        return self.layer(batch[:, :7]).mean()

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.seen.append(bits(batch).hex())

    def predict_step(self, batch: torch.Tensor, index: int) -> None:
        self.seen.append(bits(batch).hex())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(save: dict[str, Any] | None = None, **options: Any) -> pl.Trainer:
    """Return a trainer on the CPU that is silent; ``save`` are the arguments of its ``ModelCheckpoint``."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return pl.Trainer(
        accelerator="cpu",
        callbacks=[ModelCheckpoint(save_top_k=-1, **save)] if save else [],
        enable_checkpointing=save is not None,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        **{"devices": 1, **options},
    )


def fit(train: DataLoader[Any], resume: str | None = None, **options: Any) -> list[str]:
    """Train and return what the loop saw."""
    module = Recorder()
    trainer(**options).fit(module, train, ckpt_path=resume)
    return module.seen


def main(out: str, told: str) -> None:
    """Train as told, and write for each rank what it saw and what its loader is like."""
    warnings.simplefilter("ignore")
    options = json.loads(told)
    module, train = Recorder(), loader(**options.pop("loader"))
    runner = trainer(**{key: value for key, value in options.items() if key != "resume"})
    runner.fit(module, train, ckpt_path=options.get("resume"))
    used = runner.train_dataloader
    kept = {name: getattr(used, name) for name in ("seed", "name", "rngs", "uneven", "rank", "world_size")}
    report = {"seen": module.seen, "items": module.items, "length": len(used), "kept": kept}
    Path(f"{out}.{runner.global_rank}").write_text(json.dumps(report))
    if dist.is_initialized():
        dist.destroy_process_group()  # its threads would end the process otherwise, if they outlived the interpreter


if __name__ == "__main__":
    main(*sys.argv[1:])
