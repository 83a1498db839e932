from __future__ import annotations

import threading

import pytest
import torch

from samerun.checkpoint import Keep, Store, Writer
from samerun.errors import CheckpointError, SamerunWarning, StateError
from samerun.state import first_difference
from samerun.testing import FailingStore
from states import Unsynced, training_state


class Gated(Unsynced):
    """Waits before the first write of each file of tensors until the gate is open."""

    def __init__(self):
        self.gate = threading.Event()
        self.created = threading.Semaphore(0)

    def create(self, path):
        self.created.release()
        assert self.gate.wait(20)
        return super().create(path)


def test_the_state_is_that_of_the_call(tmp_path):
    files = Gated()
    state = training_state(1)
    with Writer(Store(tmp_path, files=files)) as writer:
        writer.save(1, state, {"epoch": 0})
        state["model"]["embed"].zero_()
        state["optimizer"].clear()
        state["sampler"]["state"][:] = 0
        assert files.created.acquire(timeout=20)
        assert Store(tmp_path).steps() == ()
        files.gate.set()
    assert first_difference(Store(tmp_path).load(1).state, training_state(1)) is None


def test_the_second_save_waits_for_the_first(tmp_path):
    files = Gated()
    writer = Writer(Store(tmp_path, files=files))
    writer.save(1, {"w": torch.ones(5)})
    second = threading.Thread(target=writer.save, args=(2, {"w": torch.full((5,), 2.0)}))
    second.start()
    assert files.created.acquire(timeout=20)
    second.join(0.2)
    assert second.is_alive()
    files.gate.set()
    second.join()
    writer.close()
    assert [Store(tmp_path).load(step).state["w"][0].item() for step in (1, 2)] == [1, 2]


def test_old_ones_are_deleted_after_the_new_one_is_there(tmp_path):
    with Writer(Store(tmp_path, files=Unsynced()), keep=Keep(newest=2, best="loss")) as writer:
        for step, loss in enumerate([3.0, 1.0, 2.0, 5.0, 4.0]):
            writer.save(step, {"step": step}, {"metrics": {"loss": loss}})
    assert Store(tmp_path).steps() == (1, 3, 4)


def test_a_damaged_one_is_neither_counted_nor_deleted(tmp_path):
    store = Store(tmp_path, files=Unsynced())
    for step in (1, 2, 3):
        store.save(step, {})
    for step in (2, 3):
        (store.folder(step) / "manifest.json").write_text("")
    with Writer(store, keep=Keep(newest=2)) as writer:
        writer.save(4, {})
    assert store.steps() == (1, 2, 3, 4)
    assert store.load_newest().step == 4


@pytest.mark.parametrize("name", ["manifest.json", "rank-00000.safetensors"])
def test_going_back_behind_damaged_ones_never_deletes_the_only_good_one(tmp_path, name):
    store = Store(tmp_path, files=Unsynced())
    for step in (1, 8, 9):
        store.save(step, training_state(step))
    for step in (8, 9):
        (store.folder(step) / name).write_bytes(b"")
    with Writer(store, keep=Keep(newest=1)) as writer:
        writer.save(2, training_state(2))
    assert store.steps() == (2, 8, 9)
    assert first_difference(store.load_newest().state, training_state(2)) is None


def test_the_one_just_saved_is_kept_where_the_run_went_back_from_later_ones(tmp_path):
    store = Store(tmp_path, files=Unsynced())
    for step in (1, 9):
        store.save(step, {})
    with Writer(store, keep=Keep(newest=1)) as writer:
        writer.save(2, {})
        assert store.steps()[-1] == 9
    assert store.steps() == (2, 9)


def test_writers_of_two_ranks_commit_together_and_rank_0_deletes(tmp_path):
    barrier = threading.Barrier(2, timeout=20)
    writers = [Writer(Store(tmp_path, rank=rank, world_size=2, barrier=barrier.wait)) for rank in (0, 1)]
    for step in range(5):
        for rank, writer in enumerate(writers):
            writer.save(step, {"rank": rank, "step": step})
    for writer in writers:
        writer.close()
    assert Store(tmp_path).steps() == (2, 3, 4)
    assert Store(tmp_path).read(4)[1] == ({"rank": 0, "step": 4}, {"rank": 1, "step": 4})


@pytest.mark.parametrize("then", ["save", "wait", "close"])
def test_a_failure_comes_up_in_the_next_call_and_once(tmp_path, then):
    writer = Writer(FailingStore(tmp_path, at=3))
    writer.save(1, {})
    call = {"save": lambda: writer.save(2, {}), "wait": writer.wait, "close": writer.close}[then]
    with pytest.raises(CheckpointError, match=r"step 1 was not saved.*No space left"):
        call()
    writer.save(3, {})
    writer.close()
    assert Store(tmp_path).steps() == (3,)


def test_a_failure_can_be_a_warning_and_the_training_goes_on(tmp_path):
    writer = Writer(FailingStore(tmp_path, at=3), on_error="warn")
    writer.save(1, {})
    with pytest.warns(SamerunWarning, match="step 1 was not saved"):
        writer.save(2, {})
    writer.close()
    assert Store(tmp_path).steps() == (2,)


def test_a_bug_is_raised_whatever_was_asked_for(tmp_path):
    def bug():
        raise ZeroDivisionError

    writer = Writer(FailingStore(tmp_path, at=0, fault=bug), on_error="warn")
    writer.save(1, {})
    with pytest.raises(ZeroDivisionError):
        writer.wait()


def test_a_value_that_cannot_be_stored_is_refused_at_once(tmp_path):
    with Writer(Store(tmp_path)) as writer, pytest.raises(StateError, match=r"\['f'\]"):
        writer.save(1, {"f": print})


def test_an_exception_in_the_training_is_not_hidden_by_a_failed_save(tmp_path):
    with pytest.raises(KeyError) as caught, Writer(FailingStore(tmp_path, at=0)) as writer:
        writer.save(1, {})
        raise KeyError("training")
    assert "the last save failed" in caught.value.__notes__[0]


def test_a_failure_at_the_end_is_raised(tmp_path):
    with pytest.raises(CheckpointError), Writer(FailingStore(tmp_path, at=0)) as writer:
        writer.save(1, {})


def test_a_failed_deletion_is_not_lost(tmp_path):
    writer = Writer(FailingStore(tmp_path, at=2, only=("rename",)), keep=Keep(newest=1))
    writer.save(1, {})
    writer.save(2, {})
    with pytest.raises(CheckpointError, match="step 1 was not deleted: No space left"):
        writer.close()
    assert Store(tmp_path).steps() == (1, 2)


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="on_error"):
        Writer(Store(tmp_path), on_error="ignore")
