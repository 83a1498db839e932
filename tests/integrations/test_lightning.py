from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import Callback
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler, WeightedRandomSampler

import lightning_loop
from lightning_loop import Recorder, bare, fit, loader, trainer
from noisy import StatefulStream, bits

# What Lightning says about few workers and does with torch's deprecated functions, and the second loader that stands
# for that of another process.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::pytorch_lightning"),
    pytest.mark.filterwarnings("ignore:::torch.utils"),
    pytest.mark.filterwarnings("ignore::samerun.errors.SamerunWarning"),
]

EPOCHS, STEPS = 3, 10


def in_a_process(out: Path, **options) -> list[dict]:
    """Train in a process of its own, one for each device, and return the reports by rank."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, lightning_loop.__file__, str(out), json.dumps(options)]
    subprocess.run(program, check=True, env=env, timeout=200)
    return [json.loads(Path(f"{out}.{rank}").read_text()) for rank in range(options.get("devices", 1))]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loop_sees_the_loader_s_batches(workers):
    seen = fit(loader(workers), max_epochs=2)
    assert seen == bare(2)
    assert len(set(seen)) == 2 * STEPS


def test_a_hook_s_loader_is_kept_too():
    class Hooked(Recorder):
        def train_dataloader(self):
            return loader(2)

    module = Hooked()
    trainer(max_epochs=1).fit(module)
    assert module.seen == bare(1)


@pytest.mark.parametrize("stop", [3, STEPS, STEPS + 3])
@pytest.mark.parametrize("workers", [(0, 2), (2, 0)])
def test_resumed_with_other_workers_at_the_checkpoint_of_a_step(tmp_path, stop, workers):
    save = {"dirpath": str(tmp_path), "filename": "{step}", "every_n_train_steps": 1}
    assert fit(loader(workers[0]), max_steps=stop + 1, save=save) == bare(EPOCHS)[: stop + 1]
    resume = str(tmp_path / f"step={stop}.ckpt")
    assert fit(loader(workers[1]), resume=resume, max_epochs=EPOCHS) == bare(EPOCHS)[stop:]


def test_resumed_in_another_process(tmp_path):
    save = {"dirpath": str(tmp_path), "filename": "{step}", "every_n_train_steps": 1}
    fit(loader(2), max_steps=14, save=save)
    resume = str(tmp_path / "step=13.ckpt")
    assert torch.load(resume, weights_only=True)["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    (report,) = in_a_process(tmp_path / "out", loader={}, max_epochs=EPOCHS, resume=resume)
    assert report["seen"] == bare(EPOCHS)[13:]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("finished", [1, 2])
def test_resumed_at_the_checkpoint_of_an_epoch_s_end_whose_loader_state_lightning_does_not_load(
    tmp_path, finished, workers
):
    fit(loader(), max_epochs=2, save={"dirpath": str(tmp_path), "filename": "{epoch}"})
    seen = fit(loader(workers), resume=str(tmp_path / f"epoch={finished - 1}.ckpt"), max_epochs=EPOCHS)
    assert seen == bare(EPOCHS)[finished * STEPS :]


@pytest.mark.parametrize("options", [{"shuffle": None}, {"own": True}, {"persistent_workers": True, "workers": 2}])
def test_resumed_at_an_epoch_s_end_with_any_order(tmp_path, options):
    options = dict(options)
    if options.pop("own", False):
        order = BatchSampler(RandomSampler(range(40)), 4, drop_last=False)
        options |= {"batch_size": 1, "shuffle": None, "batch_sampler": order}
    fit(loader(**options), max_epochs=1, save={"dirpath": str(tmp_path), "filename": "end"})
    seen = fit(loader(**options), resume=str(tmp_path / "end.ckpt"), max_epochs=2)
    assert seen == bare(2, **options)[STEPS:]


class Telling(Recorder):
    def on_train_epoch_start(self):
        self.trainer.train_dataloader.set_epoch(self.current_epoch)


@pytest.mark.parametrize(("kind", "told"), [(Telling, True), (Recorder, False)])
def test_with_a_sampler_of_one_s_own_the_module_has_to_tell_the_epoch(tmp_path, kind, told):
    options = {"shuffle": None, "sampler": WeightedRandomSampler([1.0] * 40, 40)}
    save = {"dirpath": str(tmp_path), "filename": "end"}
    fit(loader(**options), max_epochs=1, save=save)
    module = kind()
    trainer(max_epochs=2).fit(module, loader(**options), ckpt_path=str(tmp_path / "end.ckpt"))
    assert module.seen == (bare(2, **options)[STEPS:] if told else bare(1, **options))


def test_a_validation_loader_draws_by_the_training_s_epoch_so_that_resuming_changes_nothing(tmp_path):
    class OnlyValidated(Recorder):
        def training_step(self, batch, index):
            return self.layer(batch).mean()

    def validated(epochs, **options):
        module = OnlyValidated()
        resume = options.pop("resume", None)
        runner = trainer(max_epochs=epochs, num_sanity_val_steps=0, **options)
        runner.fit(module, loader(), val_dataloaders=loader(name="validation", shuffle=False), ckpt_path=resume)
        return module.seen

    straight = validated(3, save={"dirpath": str(tmp_path), "filename": "{epoch}"})
    assert straight == bare(3, name="validation", shuffle=False)
    assert validated(3, resume=str(tmp_path / "epoch=0.ckpt")) == straight[STEPS:]


class Sized(StatefulStream):
    def __len__(self) -> int:
        return self.size


@pytest.mark.parametrize(("kind", "ahead"), [(Sized, 0), (StatefulStream, 1)])
def test_an_iterable_dataset_is_resumed_exactly_if_it_has_a_length_because_lightning_fetches_ahead_otherwise(
    tmp_path, kind, ahead
):
    def stream():
        return lightning_loop.DataLoader(kind(24), batch_size=4, seed=7)

    alone = stream()
    expected = [bits(batch).hex() for _ in range(2) for batch in alone]
    save = {"dirpath": str(tmp_path), "filename": "{step}", "every_n_train_steps": 1}
    assert fit(stream(), max_epochs=2, save=save) == expected
    resumed = fit(stream(), max_epochs=2, resume=str(tmp_path / "step=3.ckpt"))
    assert resumed[: 3 - ahead] == expected[3 + ahead : 6]


def test_a_checkpoint_after_a_fit_that_stopped_in_mid_epoch_begins_the_next_because_lightning_ended_the_epoch(tmp_path):
    module, path = Recorder(), str(tmp_path / "after.ckpt")
    runner = trainer(max_steps=3)
    runner.fit(module, loader())
    runner.save_checkpoint(path)
    assert fit(loader(), resume=path, max_epochs=EPOCHS) == bare(EPOCHS)[STEPS:]


@pytest.mark.parametrize("workers", [0, 2])
def test_predict_rebuilds_the_loader_and_the_batches_stay(workers):
    module = Recorder()
    trainer().predict(module, loader(workers, shuffle=False))
    assert module.seen == bare(1, shuffle=False)


def test_the_order_that_a_rebuilt_loader_had_is_sampled_not_lost():
    class Kept(Callback):
        def on_predict_start(self, trainer, module):
            (self.loader,) = [trainer.predict_dataloaders]

    kept = Kept()
    runner = trainer()
    runner.callbacks.append(kept)
    runner.predict(Recorder(), loader(shuffle=False, name="other", rngs=("python", "numpy", "torch"), uneven="short"))
    assert type(kept.loader) is lightning_loop.DataLoader
    assert isinstance(kept.loader.sampler, SequentialSampler)
    assert (kept.loader.seed, kept.loader.name, kept.loader.uneven) == (7, "other", "short")
    assert kept.loader.rngs == ("python", "numpy", "torch")


@pytest.mark.slow
@pytest.mark.parametrize("rebuild", [True, False])
def test_two_processes_share_the_items_and_resume(tmp_path, rebuild):
    told = {"name": "mine", "size": 41, "uneven": "pad"}
    options = {"max_epochs": 2, "devices": 2, "strategy": "ddp", "use_distributed_sampler": rebuild}
    save = {"dirpath": str(tmp_path), "filename": "{step}", "every_n_train_steps": 3}
    reports = in_a_process(tmp_path / "out", loader={"workers": 2, **told}, save=save, **options)
    for report in reports:
        kept = report["kept"]
        assert (kept["seed"], kept["name"], kept["rngs"], kept["uneven"]) == (7, "mine", None, "pad")
        assert report["length"] == 6
        assert len(report["seen"]) == 12
    for epoch in (slice(0, 6), slice(6, 12)):
        items = [item for report in reports for batch in report["items"][epoch] for item in batch]
        assert len(set(items)) == len(items) == 42  # padded by one, which is made with draws of its own
    if not rebuild:
        # Over both ranks the global batches are those of one process.
        wide = loader(batch_size=8, **told)
        rows = [[bits(item).hex() for item in batch] for _ in range(2) for batch in wide]
        for step, row in enumerate(rows):
            dealt = [item for pair in zip(*(report["items"][step] for report in reports), strict=True) for item in pair]
            assert dealt[: len(row)] == row
    for step in (3, 6):
        resume = str(tmp_path / f"step={step}.ckpt")
        resumed = in_a_process(tmp_path / "again", loader=told, resume=resume, **options)
        assert [report["seen"] for report in resumed] == [report["seen"][step:] for report in reports]
