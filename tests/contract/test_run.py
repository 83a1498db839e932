"""One contract for a run: wherever it is stopped, it ends with the bits of the one that is not."""

from __future__ import annotations

import contextlib
import functools
import gc
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader as TorchDataLoader

import samerun
import trainings
from draws import bare_states, draw
from noisy import Noisy
from samerun.errors import ProcessError, ResumeError, RunError, SamerunWarning
from samerun.state import first_difference
from samerun.testing import check_resume, check_stateful

pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),  # torchdata calls it
]

STEPS = 9
EVERYWHERE = [*range(1, STEPS), "epoch 1", "epoch 2", (4, 5), (1, 2, "epoch 1", 4)]


def forked(training, stops, *, kill=False, **arguments):
    """Check a training in forked processes."""
    check_resume(functools.partial(training, **arguments), stops, kill=kill, start="fork")


def here_in(directory, training, **arguments):
    """Train in this process, with one thread as the forked ones have; return the end."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return training(directory, **arguments)
    finally:
        torch.set_num_threads(threads)


def here(training, **arguments):
    with tempfile.TemporaryDirectory() as directory:
        return here_in(Path(directory), training, **arguments)


# --- everywhere


@pytest.mark.parametrize("kill", [False, True])
def test_a_run_stopped_anywhere_is_the_same_run(kill):
    forked(trainings.epochs, EVERYWHERE, kill=kill)


@pytest.mark.parametrize("kill", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_with_workers_too(kill):
    forked(trainings.epochs, [1, 3, 5, "epoch 2", (4, 5)], kill=kill, workers=2)


@pytest.mark.parametrize("save_every", [3, "epoch", "0.001s", None])
def test_whenever_it_saves(save_every):
    forked(trainings.epochs, [1, 4, "epoch 1", (7, 8)], kill=True, save_every=save_every)


def test_in_fresh_interpreters_from_a_function_that_is_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[1]}", prepend=":")
    check_resume("trainings:epochs", [4])


@pytest.mark.parametrize("rng", ["stream", "global"])
def test_in_the_global_generators_too(rng):
    forked(trainings.epochs, [2, 3, "epoch 1", (4, 5)], rng=rng)


SAVED = {
    "epochs": trainings.epochs,
    "torchdata's": trainings.torchdata_second,
    "torchdata's with a worker": functools.partial(trainings.torchdata_second, loader_workers=1),
}


@pytest.mark.parametrize("training", SAVED)
def test_saving_changes_nothing(training):
    often = here(SAVED[training], save_every=1)
    never = here(SAVED[training], save_every=None)
    assert first_difference(often, never) is None


KINDS = {
    "over the ends of epochs": (trainings.steps, [2, 3, 4, 6, (4, 5)]),
    "one pass": (trainings.one_pass, [1, 2, 3]),
    "saved by hand": (trainings.by_hand, [1, 2, 3, 6, "epoch 1"]),
    "left by break": (trainings.left_by_break, [1, 2, 3, "epoch 1", "epoch 2"]),
    "stopped early": (trainings.stopped_early, [1, 4, 5, "epoch 2", 7]),
    "several loops": (trainings.several_loops, [1, 3, 4, 5, 6, 7, "epoch 1", 9, (4, 5, 8)]),
    "sections": (trainings.sections, [2, 3, 6, 7, 8, 10, 11, (7, 12)]),
    "validation inside": (trainings.validation, [1, 2, 3, 4, (2, 3)]),
    "draws between": (trainings.draws_between, [2, 6, 7, 8]),
    "accumulation": (trainings.accumulation, [2, 3, 4, 6, 8]),
    "everything": (trainings.everything, [1, 3, 4, 5, 6, 8, (4, 5)]),
    "beside the states": (trainings.beside, [1, 3, 4, "epoch 1", 6, 8, (4, 5)]),
    "lbfgs": (trainings.lbfgs, [1, 4]),
    "torch's loader": (trainings.plain_loader, [1, 3, "epoch 1", 5]),
    "torchdata's": (trainings.torchdata_loader, [1, 2, 3, "epoch 1", 5]),
    "torchdata's left by break": (trainings.torchdata_left_by_break, [1, 2, 3, 4, "epoch 1", 5]),
    "torchdata's before its first pass": (trainings.torchdata_second, [1, 2, 4, 6]),
    "torchdata's over the ends": (functools.partial(trainings.torchdata_loader, count=8), [1, 3, 5]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_script_looks_like(kind):
    forked(*KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_and_when_it_is_killed(kind):
    training, stops = KINDS[kind]
    forked(training, stops[::2], kill=True)


@pytest.mark.slow
def test_torchdata_with_workers():
    forked(trainings.torchdata_loader, [1, 3, 4], workers=2)


def test_gradients_that_are_pending_are_kept():
    # The run does not know of the accumulation, so that it saves between the two halves of a step.
    forked(trainings.accumulation, [1, 3, 4, "epoch 1"], accumulate=1)


OPTIMIZERS = {
    "momentum": (functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True), None),
    "amsgrad": (functools.partial(torch.optim.AdamW, amsgrad=True), None),
    "one cycle": (None, lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=STEPS)),
    "lambda": (None, lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)),
    "milestones": (None, lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])),
    "restarts": (None, lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2)),
    "warm-up": (None, trainings.warm_up),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_and_schedules(name):
    optimizer, scheduler = OPTIMIZERS[name]
    forked(trainings.epochs, [4], optimizer=optimizer or torch.optim.Adam, scheduler=scheduler)


# --- longer


@pytest.mark.parametrize("training", ["epochs", "steps"])
def test_a_finished_run_can_be_made_longer(training, monkeypatch, tmp_path):
    def train(directory, longer):
        if training == "steps":
            return here_in(directory, trainings.steps, count=10 if longer else 4)
        monkeypatch.setattr(trainings, "EPOCHS", 5 if longer else 3)
        return here_in(directory, trainings.epochs)

    short = train(tmp_path / "extended", longer=False)
    extended = train(tmp_path / "extended", longer=True)
    assert first_difference(extended, train(tmp_path / "at once", longer=True)) is None
    assert first_difference(extended, short) is not None


@pytest.mark.parametrize(
    "training",
    [trainings.epochs, trainings.steps, trainings.one_pass, trainings.sections, trainings.stopped_early],
)
def test_a_finished_run_started_again_does_nothing(training, tmp_path):
    first = here_in(tmp_path, training)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("step-*/*")}
    second = here_in(tmp_path, training)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("step-*/*")} == files
    for key in ("tracked", "gradients", "metrics", "place"):
        assert first_difference(first[key], second[key]) is None


# --- outside


def test_draws_outside_do_not_change_the_run():
    def result(draws):
        end = here(trainings.draws_between, draws=draws)
        return {key: end[key] for key in ("tracked", "metrics", "generators")}

    assert first_difference(result(draws=True), result(draws=False)) is None


def test_the_run_does_not_change_draws_outside(tmp_path):
    def drawn(train):
        samerun.seed_everything(42)
        if train:
            run = samerun.Run(tmp_path, seed=42)
            loader = samerun.DataLoader(Noisy(4), seed=1)
            for _ in run.epochs(1):
                for _ in run.batches(loader):
                    draw()
                    break
            run.close()
        return bare_states()

    assert drawn(train=True) == drawn(train=False)


def test_it_lives_in_the_global_generators_if_asked_to(tmp_path):
    run = samerun.Run(tmp_path, seed=42, rng="global")
    loader = samerun.DataLoader(Noisy(4), seed=1)
    found = [draw() for _ in run.batches(loader)]
    samerun.seed_everything(42)
    assert found == [draw() for _ in range(4)]
    run.close()


@pytest.mark.parametrize("way", ["break", "exception", "held"])
def test_the_outer_generators_come_back_however_the_loop_is_left(way, tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
    before = bare_states()
    held = iter(run.epochs(2)) if way == "held" else None
    try:
        for _ in held or run.epochs(2):
            for _ in run.batches(loader):
                draw()
                if way == "exception":
                    raise KeyError
            break
    except KeyError:
        pass
    if held is not None:
        assert bare_states() != before
        held.close()
    assert bare_states() == before
    run.close()


@pytest.mark.parametrize("loop", ["epochs", "batches"])
def test_a_loop_left_by_break_is_left_although_something_around_it_is_held(loop, tmp_path):
    class Bar:  # as tqdm does
        def __init__(self, inner):
            self.inner = inner

        def __iter__(self):
            for item in self.inner:  # noqa: UP028  # which would end the inner loop with this one
                yield item

    run = samerun.Run(tmp_path, seed=42)
    run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
    before = bare_states()
    held = Bar(run.epochs(2) if loop == "epochs" else run.batches(loader))
    for _ in held:
        draw()
        break
    assert bare_states() == before
    assert list(run.epochs(1)) == [0]
    run.close()


# --- early ends


def left(directory, how):
    """Leave the second epoch, by an exception or by break."""
    training = trainings.Training(directory)
    with contextlib.suppress(KeyError):
        for epoch in training.run.epochs(3):
            for batch in training.run.batches(training.loader):
                training.step(batch)
                if epoch == 1 and how == "exception":
                    raise KeyError
            if epoch == 1:
                break
            training.validate()
    return training


@pytest.mark.parametrize("how", ["break", "exception"])
def test_saving_behind_a_loop_that_was_left_is_refused(how, tmp_path):
    whole = here(trainings.epochs, save_every=None)
    training = here_in(tmp_path, left, how=how)
    with pytest.raises(RunError, match=r"left by break or by an exception.*run\.stop\(\)"):
        training.run.save()
    training.run.close()
    # Nothing is taken for done that was not.
    assert first_difference(here_in(tmp_path, trainings.epochs), whole) is None


@pytest.mark.parametrize("how", ["break", "stop"])
def test_a_break_out_of_the_epochs_is_come_to_again_and_a_stop_is_behind(how, tmp_path):
    def train(directory):
        training = trainings.Training(directory, save_every=None)
        begun = training.run.step
        for epoch in training.run.epochs(9):
            for batch in training.run.batches(training.loader):
                training.step(batch)
            if epoch == 1:
                if how == "break":
                    break
                training.run.stop()
        training.run.log(steps=training.run.step)
        return begun, training.end()

    (_, first), (begun, second) = (here_in(tmp_path, train) for _ in range(2))
    assert begun == {"break": 0, "stop": 6}[how]
    for key in ("tracked", "metrics", "generators"):
        assert first_difference(first[key], second[key]) is None


def test_a_loop_without_a_number_of_steps_stops_early_too(tmp_path):
    for begun in (0, 2):
        run = samerun.Run(tmp_path, seed=42)
        run.track(loader=(loader := samerun.DataLoader(Noisy(9), seed=1)))
        assert run.step == begun
        for _ in run.batches(loader):
            if run.step == 1:
                run.stop()
        assert (run.step, loader.state_dict()["epoch"]) == (2, 1)
        with pytest.raises(RunError, match="outside the loops"):
            run.stop()
        run.close()


def test_what_was_logged_behind_the_last_loop_is_there_once(tmp_path):
    for _ in range(3):
        run = samerun.Run(tmp_path, seed=42)
        run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
        list(run.batches(loader))
        run.log(final=1)
        run.save()
        run.close()
    assert (tmp_path / "metrics.jsonl").read_text().count("final") == 1


@pytest.mark.parametrize("loop", ["epochs", "batches"])
def test_a_save_that_a_break_prevents_is_told(loop, tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))

    def leave():
        for _ in run.epochs(2) if loop == "epochs" else run.batches(loader):
            run.save()
            break

    with pytest.warns(SamerunWarning, match=r"nothing was saved there; in place of break call run\.stop\(\)"):
        leave()
    list(run.batches(loader))
    run.close()
    # It is not made up for in the next loop, at whose end alone something was saved.
    assert [path.name for path in tmp_path.glob("step-*")] == [f"step-{run.step:09d}"]


# --- misuse


def test_a_script_that_ends_before_the_place_of_the_checkpoint_is_told(tmp_path):
    def train(loops):
        run = samerun.Run(tmp_path, seed=42)
        run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
        for _ in range(loops):
            list(run.batches(loader))
        return run

    train(2).close()
    with pytest.raises(RunError, match="lies in loop 1 of the script, which ended after loop 0"):
        train(1).close()
    with pytest.raises(KeyError):  # not hidden
        try:
            run = train(1)
            raise KeyError
        finally:
            run.close()
    train(0).close()  # only looked at
    dropped = [train(1)]
    with pytest.warns(SamerunWarning, match="lies in loop 1 of the script, which ended after loop 0"):
        dropped.clear()


def test_loops_that_are_not_what_they_were_are_refused(tmp_path):
    loader = samerun.DataLoader(Noisy(4), seed=1)

    def run():
        run = samerun.Run(tmp_path, seed=42, save_every=1)
        run.track(loader=loader)
        return run

    first = run()
    for _ in first.epochs(2):
        for _ in first.batches(loader):
            if first.step == 2:
                break
        break
    first.close()
    changed = run()
    with pytest.raises(RunError, match="loop 0 over batches of epoch 0, which was not reached"):
        for _ in changed.epochs(2):
            pass
    changed.close()


LOOPS = {
    "another kind of loop": lambda run, loader: run.batches(loader, steps=9),
    "another loader": lambda run, loader: (batch for _ in run.epochs(3) for batch in run.batches(run.other)),
    "steps in place of a pass": lambda run, loader: (
        batch for _ in run.epochs(3) for batch in run.batches(loader, steps=2)
    ),
    "fewer epochs": lambda run, loader: run.epochs(1),
}
MESSAGES = {
    "another kind of loop": "batches: the checkpoint lies in loop 0 of the script, then epochs; the script must come",
    "another loader": r"loop 0 over batches of epoch 1, then a pass over 'loader', and here a pass over 'other'",
    "steps in place of a pass": "then a pass over 'loader', and here a number of steps over 'loader'",
    "fewer epochs": "the checkpoint lies in epoch 1, and only 1 are asked for; count all, not those that are left",
}


@pytest.mark.parametrize("kind", LOOPS)
def test_another_loop_than_that_of_the_checkpoint_is_refused(kind, tmp_path):
    def run():
        made = samerun.Run(tmp_path, seed=42, save_every=1)
        loaders = {name: samerun.DataLoader(Noisy(4), seed=1, name=name) for name in ("loader", "other")}
        made.track(**loaders)
        made.other = loaders["other"]
        return made, loaders["loader"]

    first, loader = run()
    for _ in first.epochs(3):
        for _ in first.batches(loader):
            if first.step == 6:
                break
        if first.step >= 6:
            break
    first.close()
    changed, loader = run()
    before = samerun.capture()
    with pytest.raises(RunError, match=MESSAGES[kind]):
        list(LOOPS[kind](changed, loader))
    assert samerun.capture() == before
    changed.close()


def test_fewer_steps_or_epochs_than_the_checkpoint_is_at_are_refused(tmp_path):
    def train(epochs, steps):
        run = samerun.Run(tmp_path / str(steps is None), seed=42)
        run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
        for _ in run.epochs(epochs) if steps is None else ():
            list(run.batches(loader))
        for _ in run.batches(loader, steps=steps) if steps else ():
            pass
        run.close()
        return run.step

    assert train(2, None) == train(2, None) == 8
    with pytest.raises(RunError, match="the checkpoint lies behind epoch 1, and only 1 are asked for"):
        train(1, None)
    assert train(3, None) == 12
    assert train(None, 5) == train(None, 5) == 5
    with pytest.raises(RunError, match="the checkpoint lies behind 5 steps of the loop, and only 4 are asked for"):
        train(None, 4)
    assert train(None, 6) == 6


def test_a_loop_holds_its_run(tmp_path):
    def batches():
        run = samerun.Run(tmp_path, seed=42, save_every=1)
        run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
        return run.batches(loader)

    with contextlib.closing(iter(batches())) as loop:
        gc.collect()
        assert len(list(loop)) == 4
    assert (tmp_path / "step-000000004").is_dir()


def test_a_loop_in_a_loop_is_refused(tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    run.track(loader=(loader := samerun.DataLoader(Noisy(4), seed=1)))
    with pytest.raises(RunError, match="inside another loop over batches"):
        for _ in run.batches(loader):
            next(iter(run.batches(loader)))
    with pytest.raises(RunError, match="inside another loop of the run"):
        for _ in run.batches(loader):
            next(iter(run.epochs(2)))
    run.close()


def test_a_loop_left_by_break_that_somebody_still_holds_is_over_at_the_end_of_the_epoch():
    def train(directory, hold):
        training = trainings.Training(directory)
        held = []
        for _ in training.run.epochs(3):
            batches = iter(training.run.batches(training.loader))
            if hold:
                held.append(batches)
            for batch in batches:
                training.step(batch)
                if training.run.step % 2:
                    break
            del batches
        return training.end()

    assert first_difference(here(train, hold=True), here(train, hold=False)) is None
    forked(train, [2, "epoch 1", 3], hold=True)


def test_two_loaders_without_a_name_are_refused(tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    first, second = (TorchDataLoader(Noisy(4)) for _ in range(2))
    for _ in run.epochs(2):
        list(run.batches(first))
    with pytest.raises(RunError, match="second loader that is not tracked"):
        list(run.batches(second))
    run.close()


@pytest.mark.parametrize("batches", [[1, 2], iter([1]), TorchDataLoader])
def test_what_is_no_loader_is_refused(batches, tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    with pytest.raises(TypeError, match="nothing to keep"):
        next(iter(run.batches(batches)))
    run.close()


def test_torchdatas_with_a_generator_of_its_own_is_refused(tmp_path):
    from torchdata.stateful_dataloader import StatefulDataLoader

    run = samerun.Run(tmp_path, seed=42)
    loader = StatefulDataLoader(Noisy(4), shuffle=True, generator=torch.Generator())
    with pytest.raises(TypeError, match="loader: a StatefulDataLoader with a generator of its own"):
        run.track(loader=loader)
    run.close()


def test_a_loader_without_batches_is_refused_where_steps_are_missing(tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    with pytest.raises(RunError, match="no batch in a whole pass, and 3 are missing"):
        list(run.batches(TorchDataLoader(torch.zeros(2, 1), batch_size=3, drop_last=True), steps=3))
    run.close()


# --- check_resume and check_stateful find what they are for


class Forgetful(torch.nn.Linear):
    def load_state_dict(self, state, **arguments):
        return super().load_state_dict({name: value for name, value in state.items() if name == "weight"}, strict=False)


def test_a_training_that_forgets_something_is_found():
    def train(directory, forgotten):
        training = trainings.Training(directory)
        generator = np.random.default_rng(1)
        if not forgotten:
            training.track(generator=generator)
        for _ in training.run.epochs(2):
            for batch in training.run.batches(training.loader):
                training.step(batch + generator.normal())
        return training.end()["tracked"]["model"]

    forked(train, [4], forgotten=False)
    with pytest.raises(ResumeError) as found:
        forked(train, [4], forgotten=True)
    assert found.value.stop == "step 4"
    assert found.value.path == "['0.weight']"
    assert found.value.expected.startswith("torch.float32[8, 7]")
    assert isinstance(found.value, AssertionError)


def test_a_stop_that_is_never_reached_and_a_training_that_fails():
    with pytest.raises(ProcessError, match="ended before"):
        forked(trainings.one_pass, [50])
    with pytest.raises(ProcessError, match="a stop is a number of steps"):
        forked(trainings.one_pass, ["minute 1"])


def test_check_stateful():
    model = torch.nn.Linear(2, 1)

    def change():
        with torch.no_grad():
            model.bias.add_(1)

    check_stateful(model, change)
    with pytest.raises(ResumeError, match="another state, or nothing is tested"):
        check_stateful(model, lambda: None)
    model = Forgetful(2, 1)
    with pytest.raises(ResumeError, match="bias"):
        check_stateful(model, change)
