from __future__ import annotations

import warnings

import pytest
import torch
from torch.utils.data import DataLoader as TorchDataLoader

import samerun
from noisy import Noisy
from samerun.errors import SamerunWarning


def validated(directory, loader, around=None):
    """Iterate a loader twice inside a run; return what was warned of."""
    run = samerun.Run(directory, seed=1)
    run.track(loader=samerun.DataLoader(Noisy(2), seed=1))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in run.epochs(2):
            if around is None:
                list(loader)
            else:
                with around():
                    list(loader)
    run.close()
    return [found for found in told if "persistent_workers" in str(found.message)]


def persistent(**arguments):
    return TorchDataLoader(Noisy(2), num_workers=1, persistent_workers=True, **arguments)


class OwnPass(TorchDataLoader):
    def __iter__(self):
        yield from super().__iter__()


def test_loaders_that_begin_a_pass_in_their_own_way_are_told_too(tmp_path):
    own = vars(OwnPass)["__iter__"]
    loader = OwnPass(Noisy(2), num_workers=1, persistent_workers=True)
    (told,) = validated(tmp_path, loader)
    assert "a OwnPass over Noisy" in str(told.message)
    assert vars(OwnPass)["__iter__"] is own


def test_two_runs_that_end_in_any_order_leave_the_loaders_as_they_were(tmp_path):
    before = TorchDataLoader.__iter__
    runs = [samerun.Run(tmp_path / str(number), seed=1, rng="global") for number in range(2)]
    loops = [iter(run.epochs(2)) for run in runs]
    for loop in loops:
        next(loop)
    assert TorchDataLoader.__iter__ is not before
    for loop in loops:
        loop.close()
    assert TorchDataLoader.__iter__ is before


def test_a_loader_that_draws_once_in_each_process_is_told_once_and_where(tmp_path):
    (told,) = validated(tmp_path / "torch", persistent())
    assert told.category is SamerunWarning
    assert "over Noisy with persistent_workers=True is iterated inside the run" in str(told.message)
    assert told.filename == __file__


@pytest.mark.parametrize(
    ("loader", "around"),
    [
        (lambda: TorchDataLoader(Noisy(2), num_workers=1), None),
        (lambda: samerun.exact(persistent(), seed=3, name="validation"), None),
        (persistent, samerun.isolate),
        (lambda: persistent(generator=torch.Generator()), None),
    ],
    ids=["not persistent", "exact", "isolated", "a generator of its own"],
)
def test_others_are_not(tmp_path, loader, around):
    before = TorchDataLoader.__iter__
    assert validated(tmp_path, loader(), around) == []
    assert TorchDataLoader.__iter__ is before
