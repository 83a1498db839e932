from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from noisy import Noisy, bits
from samerun import DataLoader
from samerun.errors import LoaderError

# Deprecated functions of torch, and the second loader that stands for that of another process.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::transformers"),
    pytest.mark.filterwarnings("ignore:::torch"),
    pytest.mark.filterwarnings("ignore:::accelerate"),
    pytest.mark.filterwarnings("ignore::samerun.errors.SamerunWarning"),
]

EPOCHS, STEPS = 3, 10


def as_input(items: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"x": torch.stack(items)}


def loader(workers: int = 0) -> DataLoader:
    return DataLoader(Noisy(40), batch_size=4, shuffle=True, num_workers=workers, collate_fn=as_input, seed=7)


def bare() -> list[bytes]:
    alone = loader()
    return [bits(batch["x"]) for _ in range(EPOCHS) for batch in alone]


class Recorder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(7, 1).double()
        self.seen: list[bytes] = []

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        self.seen.append(bits(x))
        return {"loss": self.layer(x[:, :7]).mean()}


class WithLoader(Trainer):
    """Takes the loader as it is."""

    def __init__(self, loader: DataLoader, **options) -> None:
        super().__init__(train_dataset=loader.dataset, **options)
        self.loader = loader

    def get_train_dataloader(self) -> DataLoader:
        return self.loader


class SaveLoader(TrainerCallback):
    """Saves the loader's state beside each checkpoint."""

    def on_save(self, args, state, control, train_dataloader, **others):
        torch.save(train_dataloader.state_dict(), Path(args.output_dir, f"checkpoint-{state.global_step}", "loader.pt"))


def fit(train: DataLoader, out: Path, resume: Path | None = None, **options) -> list[bytes]:
    arguments = TrainingArguments(
        output_dir=str(out),
        disable_tqdm=True,
        logging_strategy="no",
        num_train_epochs=EPOCHS,
        report_to=[],
        save_steps=1,
        use_cpu=True,
        **options,
    )
    model = Recorder()
    trainer = WithLoader(train, model=model, args=arguments, callbacks=[SaveLoader()])
    trainer.train(resume_from_checkpoint=resume and str(resume))
    return model.seen


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loop_sees_the_loader_s_batches(tmp_path, workers):
    assert fit(loader(workers), tmp_path) == bare()


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    out = tmp_path_factory.mktemp("checkpoints")
    assert fit(loader(), out, max_steps=14) == bare()[:14]
    return out


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", [3, STEPS, STEPS + 3])
def test_resumed_by_the_loader_s_state_with_data_skip_switched_off(checkpoints, tmp_path, step, workers):
    checkpoint = checkpoints / f"checkpoint-{step}"
    train = loader(workers)
    train.load_state_dict(torch.load(checkpoint / "loader.pt", weights_only=True))
    assert fit(train, tmp_path, checkpoint, ignore_data_skip=True) == bare()[step:]


def test_at_the_end_of_an_epoch_the_trainer_s_set_epoch_is_enough(checkpoints, tmp_path):
    assert fit(loader(), tmp_path, checkpoints / f"checkpoint-{STEPS}") == bare()[STEPS:]


@pytest.mark.parametrize("loaded", [True, False])
def test_the_trainer_s_own_skipping_is_refused(checkpoints, tmp_path, loaded):
    checkpoint = checkpoints / "checkpoint-3"
    train = loader()
    if loaded:
        train.load_state_dict(torch.load(checkpoint / "loader.pt", weights_only=True))
    with pytest.raises(LoaderError, match="ignore_data_skip=True"):
        fit(train, tmp_path, checkpoint)
