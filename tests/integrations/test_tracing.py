"""Recording the loops of frameworks: not a bit changes, and every optimizer step is seen once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import samerun
import watched
from samerun.tracing import Trace, process

pytestmark = [
    pytest.mark.filterwarnings("ignore:::torch"),
    pytest.mark.filterwarnings("ignore:::pytorch_lightning"),
    pytest.mark.filterwarnings("ignore:::transformers"),
    pytest.mark.filterwarnings("ignore:::accelerate"),
    pytest.mark.filterwarnings("ignore::samerun.errors.SamerunWarning"),
]

STEPS = 6  # two epochs of three batches


@pytest.fixture(scope="module", autouse=True)
def _what_takes_long_is_done_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "environment", cache(process.environment))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_state_is_left():
    yield
    for shared in (AcceleratorState, GradientState, PartialState):
        shared._reset_state()


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = watched.network()

    def training_step(self, batch, _):
        return watched.loss_of(self.model, batch)

    def validation_step(self, batch, _):
        return watched.loss_of(self.model, batch)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


def lightning(_: Path) -> str:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    watched.seed()
    module = Module()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        devices=1,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
    )
    trainer.fit(module, watched.loader(), watched.loader(shuffle=False))
    return watched.bits(module)


class Rows(Dataset):
    def __init__(self):
        self.rows = watched.data()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        x, y = self.rows[index]
        return {"x": x, "labels": y}


class WithLoss(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = watched.network()

    def forward(self, x, labels):
        return {"loss": watched.loss_of(self.model, (x, labels))}


def transformers(folder: Path) -> str:
    watched.seed()
    model = WithLoss()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=2,
        per_device_train_batch_size=8,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        logging_strategy="no",
        remove_unused_columns=False,
    )
    Trainer(model=model, args=arguments, train_dataset=Rows()).train()
    return watched.bits(model)


def accelerate(_: Path) -> str:
    watched.seed()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = watched.network()
    model, optimizer, batches = accelerator.prepare(
        model, torch.optim.SGD(model.parameters(), lr=0.01), watched.loader(batch_size=4)
    )
    for _ in range(2):
        for batch in batches:
            with accelerator.accumulate(model):
                accelerator.backward(watched.loss_of(model, batch))
                optimizer.step()
                optimizer.zero_grad()
    return watched.bits(model)


def ignite(_: Path) -> str:
    from ignite.engine import Engine, Events

    watched.seed()
    model = watched.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def update(_, batch):
        optimizer.zero_grad()
        loss = watched.loss_of(model, batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    engine, seen = Engine(update), []
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: seen.append(engine.state.output))
    engine.run(watched.loader(), max_epochs=2)
    return watched.bits(model) + str(seen)


def keyed(_: Path) -> str:
    """samerun's own loader, whose iterators are torch's with more around them."""
    watched.seed()
    model = watched.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batches = samerun.DataLoader(watched.data(), batch_size=8, shuffle=True, seed=7, num_workers=2)
    for _ in range(2):
        for batch in batches:
            optimizer.zero_grad()
            watched.loss_of(model, batch).backward()
            optimizer.step()
    return watched.bits(model)


def stateful(_: Path) -> str:
    """torchdata's loader, whose iterators are its own."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    watched.seed()
    model = watched.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data = watched.data()
    for _ in range(2):
        for batch in StatefulDataLoader(data, batch_size=8, shuffle=True):
            optimizer.zero_grad()
            watched.loss_of(model, batch).backward()
            optimizer.step()
    return watched.bits(model)


@pytest.mark.parametrize(
    "way", [lightning, transformers, accelerate, ignite, keyed, stateful], ids=lambda way: way.__name__
)
def test_traced_it_is_the_same_and_every_step_is_seen_once(tmp_path, way: Callable[[Path], str]):
    before = way(tmp_path / "before")
    with samerun.trace(tmp_path / "A.trace"):
        after = way(tmp_path / "after")
    assert after == before
    with Trace(tmp_path / "A.trace") as trace:
        events, losses = trace.events(), [step.loss for step in trace.steps()]
        labels = {note.value["loader"] for note in trace.notes("loader")}
        files = {note.value["place"]["file"] for note in trace.notes("seed", "optimizer")}
    assert len(losses) == STEPS
    assert None not in losses
    for step in range(STEPS):
        kinds = [event.series.kind for event in events if event.step == step]
        assert kinds.count("gradients") == 1
        assert [kind for kind in kinds if kind == "loss"] == ["loss"] * (2 if way is accelerate else 1)
    batches = [event for event in events if event.series.kind == "batch"]
    assert {event.series.name for event in batches} == labels
    rows = {part for event in batches for part in event.part_digests()}
    assert len(rows) == (48 if way is lightning else 24)  # it validates on other data
    assert str(Path(watched.__file__)) in files
