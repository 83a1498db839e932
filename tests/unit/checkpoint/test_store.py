from __future__ import annotations

import errno
import json
import os
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
import xxhash
from safetensors.torch import load_file

import samerun
from samerun.checkpoint import Store
from samerun.errors import CheckpointError, StateError
from samerun.state import first_difference
from samerun.testing import FailingStore, FaultyFiles
from states import Unsynced, training_state


def never():
    raise AssertionError


def test_a_checkpoint_is_one_folder_that_others_can_read(tmp_path):
    Store(tmp_path).save(7, training_state(7), {"epoch": 1, "metrics": {"loss": 0.5}})
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000007"]
    folder = tmp_path / "step-000000007"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "rank-00000.safetensors"]
    found = json.loads((folder / "manifest.json").read_text())
    assert (found["format"], found["version"], found["step"]) == ("samerun checkpoint", 1, 7)
    assert found["made_by"] == f"samerun {samerun.__version__}"
    assert timedelta() <= datetime.now(UTC) - datetime.fromisoformat(found["created"]) < timedelta(minutes=1)
    data = (folder / "rank-00000.safetensors").read_bytes()
    assert found["ranks"][0]["files"] == {
        "rank-00000.safetensors": {"size": len(data), "xxh3_128": xxhash.xxh3_128_hexdigest(data)}
    }
    tensors = load_file(folder / "rank-00000.safetensors")
    assert torch.equal(tensors["['model']['embed']"], training_state(7)["model"]["embed"])


def test_the_manifest_ends_with_its_own_checksum(tmp_path):
    Store(tmp_path).save(0, {})
    text = (tmp_path / "step-000000000" / "manifest.json").read_bytes()
    head, _, tail = text.rpartition(b",\n")
    assert tail == b' "xxh3_128": "%s"\n}\n' % xxhash.xxh3_128_hexdigest(head).encode()


def test_what_is_saved_is_loaded(tmp_path):
    store = Store(tmp_path)
    meta = {"epoch": 3, "metrics": {"loss": float("nan")}, "environment": {"threads": 2}}
    store.save(3, training_state(3), meta)
    store.save(10**17, training_state(4))
    assert store.steps() == (3, 10**17)
    found = store.load(3)
    assert (found.step, found.passed_over) == (3, ())
    assert first_difference(found.state, training_state(3)) is None
    assert first_difference(found.meta, meta) is None
    assert store.load_newest().step == 10**17
    assert store.info(3).meta["epoch"] == 3
    assert list(store.info(3).metrics) == ["loss"]


def test_a_loaded_state_can_be_changed_and_outlives_the_file(tmp_path):
    store = Store(tmp_path)
    store.save(0, {"w": torch.zeros(5000), "a": np.zeros(5000)})
    state = store.load(0).state
    state["w"] += 1
    state["a"] += 1
    store.verify(0)
    store.delete(0)
    assert state["w"].sum() == state["a"].sum() == 5000


def test_an_empty_directory_has_no_newest(tmp_path):
    assert Store(tmp_path).load_newest() is None
    with pytest.raises(CheckpointError, match="No such file"):
        Store(tmp_path / "missing").load_newest()


def test_other_names_are_not_checkpoints(tmp_path):
    for name in ("step-1", "step-0000000010", "step-00000001x", "other", ".step-000000001.new"):
        (tmp_path / name).mkdir()
    assert Store(tmp_path).steps() == ()


def test_the_newest_that_verifies_is_taken_and_the_others_are_named(tmp_path):
    store = Store(tmp_path)
    for step in (1, 2, 3, 4):
        store.save(step, training_state(step))
    file = tmp_path / "step-000000004" / "rank-00000.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    (tmp_path / "step-000000003" / "manifest.json").unlink()
    found = store.load_newest()
    assert first_difference(found.state, training_state(2)) is None
    assert [passed.step for passed in found.passed_over] == [4, 3]
    assert "rank-00000.safetensors: xxh3-128" in found.passed_over[0].reason
    assert "manifest.json: No such file" in found.passed_over[1].reason


def test_if_all_are_damaged_it_does_not_start_anew(tmp_path):
    store = Store(tmp_path)
    store.save(1, {})
    (tmp_path / "step-000000001" / "manifest.json").write_text("{}")
    with pytest.raises(
        CheckpointError, match="no checkpoint can be used; move them away to start anew\n  step 1: mani"
    ):
        store.load_newest()


def test_the_order_of_events_commits_last(tmp_path):
    files = FaultyFiles(-1, never)
    Store(tmp_path, files=files).save(5, {"w": torch.zeros(3)})
    new, tensors, manifest = ".step-000000005.new", "rank-00000.safetensors", "manifest.json"
    assert [event for event in files.events if event[0] != "write"] == [
        ("make_directory", new),
        ("create", tensors),
        ("sync", tensors),
        ("create", manifest),
        ("sync", manifest),
        ("sync_directory", new),
        ("rename", f"{new} -> step-000000005"),
        ("sync_directory", tmp_path.name),
    ]


def test_a_deletion_is_invisible_before_anything_is_removed(tmp_path):
    Store(tmp_path).save(5, {})
    files = FaultyFiles(-1, never)
    Store(tmp_path, files=files).delete(5)
    doomed = ".step-000000005.deleted"
    assert files.events == [
        ("rename", f"step-000000005 -> {doomed}"),
        ("sync_directory", tmp_path.name),
        ("remove", "manifest.json"),
        ("remove", "rank-00000.safetensors"),
        ("remove", doomed),
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_is_saved_again_is_replaced(tmp_path):
    store = Store(tmp_path)
    for content in (1, 2):
        store.save(5, {"content": content})
    assert store.load(5).state == {"content": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000005"]


def test_a_disk_that_fails_while_a_step_is_replaced_leaves_one_of_the_two(tmp_path):
    for at in range(3):  # away with the old, here with the new, and the old on its way out
        folder = tmp_path / str(at)
        folder.mkdir()
        Store(folder).save(5, {"content": 1})
        store = FailingStore(folder, at=at, only=("rename",))
        with pytest.raises(CheckpointError, match="step 5 was not saved"):
            store.save(5, {"content": 2})
        assert store.load_newest().state == {"content": 2 if at == 2 else 1}
        store.clean()
        assert [path.name for path in folder.iterdir()] == ["step-000000005"]
        assert store.load_newest().state == {"content": 2 if at == 2 else 1}


def test_left_overs_of_a_dead_writer_are_cleaned(tmp_path):
    store = Store(tmp_path)
    store.save(1, {"content": 1})
    (tmp_path / "step-000000001").rename(tmp_path / ".step-000000001.replaced")
    for name in (".step-000000002.new", ".step-000000003.deleted"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "file").write_text("")
    (tmp_path / ".step-mine").write_text("")
    assert store.load_newest().state == {"content": 1}  # also before
    store.clean()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".step-mine", "step-000000001"]
    assert store.load_newest().state == {"content": 1}


def test_cleaning_follows_no_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / ".step-000000001.new").symlink_to(outside)
    (runs / ".step-000000002.deleted").mkdir()
    (runs / ".step-000000002.deleted" / "link").symlink_to(outside)
    Store(runs).clean()
    assert list(runs.iterdir()) == []
    assert (outside / "precious").exists()


@pytest.mark.parametrize("lasting", [False, True])
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, lasting):
    Store(tmp_path).save(1, training_state(1))
    for at in range(10):
        store = FailingStore(tmp_path, at=at, lasting=lasting)
        if at == 9:  # the folder, two files, and two halves each of header, data and manifest
            store.save(2, training_state(2))
            break
        with pytest.raises(CheckpointError, match=r"step 2 was not saved: \[Errno 28\] No space") as caught:
            store.save(2, training_state(2))
        assert caught.value.where == str(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
        assert first_difference(store.load_newest().state, training_state(1)) is None
    assert store.steps() == (1, 2)


def test_a_vanished_and_a_read_only_directory_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"step 2 was not saved.*No such file"):
        Store(tmp_path / "gone").save(2, {})
    assert not (tmp_path / "gone").exists()

    def read_only():
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with pytest.raises(CheckpointError, match=r"step 2 was not saved.*Read-only"):
        FailingStore(tmp_path, at=0, fault=read_only).save(2, {})


def test_a_state_that_cannot_be_stored_leaves_no_trace(tmp_path):
    with pytest.raises(StateError, match=r"\['f'\]: found builtins.function"):
        Store(tmp_path).save(1, {"f": never})
    with pytest.raises(StateError, match="tensors or bytes"):
        Store(tmp_path).save(1, {}, {"loss": torch.tensor(1.0)})
    for step in (-1, 10**18, True, 1.0):
        with pytest.raises(ValueError, match="step must be"):
            Store(tmp_path).save(step, {})
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_would_be_too_large_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="save long lists as tensors"):
        Store(tmp_path).save(1, {"text": "x" * 2**26})
    assert list(tmp_path.iterdir()) == []


def ranks(directory, size, act, **options):
    """Run ``act(store)`` in as many threads as there are ranks, and return what each returned or raised."""
    barrier = threading.Barrier(size, timeout=20)
    outcomes = [None] * size

    def run(rank):
        kind = options.get(f"rank{rank}", Store)
        try:
            store = kind(directory, rank=rank, world_size=size, barrier=barrier.wait)
            outcomes[rank] = act(store)
        except Exception as error:
            outcomes[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_every_rank_writes_its_part_and_rank_0_commits(tmp_path):
    assert ranks(tmp_path, 2, lambda store: store.save(4, training_state(store.rank), {"epoch": 1})) == [None, None]
    names = sorted(path.name for path in (tmp_path / "step-000000004").iterdir())
    assert names == ["manifest.json", "rank-00000.safetensors", "rank-00001.safetensors"]
    for rank, found in enumerate(ranks(tmp_path, 2, lambda store: store.load_newest())):
        assert first_difference(found.state, training_state(rank)) is None
    assert len(Store(tmp_path).verify(4).parts) == 2


def test_a_rank_refuses_what_another_number_of_ranks_saved_and_what_another_rank_damaged(tmp_path):
    ranks(tmp_path, 2, lambda store: store.save(4, training_state(store.rank)))
    with pytest.raises(StateError, match="ranks: found a checkpoint of 2, expected 1"):
        Store(tmp_path).load_newest()
    (tmp_path / "step-000000004" / "rank-00001.safetensors").write_bytes(b"")
    for found in ranks(tmp_path, 2, lambda store: store.load(4)):
        assert isinstance(found, CheckpointError)


@pytest.mark.parametrize("failing", [0, 1])
def test_if_one_rank_fails_none_commits_and_each_says_so(tmp_path, failing):
    for at in range(20):

        def store(directory, at=at, **options):
            # The first is the folder, which rank 0 makes before the others write.
            return FailingStore(directory, at=at, only=("write",), **options)

        found = ranks(tmp_path, 2, lambda store: store.save(4, training_state(store.rank)), **{f"rank{failing}": store})
        if found == [None, None]:
            break
        assert [type(outcome) for outcome in found] == [CheckpointError, CheckpointError]
        assert list(tmp_path.iterdir()) == []
    assert at > 3


@pytest.mark.parametrize("options", [{"rank": 1}, {"rank": -1}, {"world_size": 2}, {"barrier": never}])
def test_wrong_arguments(tmp_path, options):
    with pytest.raises(ValueError, match="rank"):
        Store(tmp_path, **options)


def test_the_buffer_is_used_again(tmp_path):
    store = Store(tmp_path, files=Unsynced())
    state = {"w": torch.zeros(1000)}
    store.save(0, state)
    before = store._payload._buffer.data_ptr()
    for step, size in enumerate((1000, 10, 1000), 1):
        store.save(step, {"w": torch.full((size,), float(step))})
        assert store._payload._buffer.data_ptr() == before
    assert [store.load(step).state["w"].unique().tolist() for step in (1, 2, 3)] == [[1], [2], [3]]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_rank_whose_state_cannot_be_stored_keeps_no_other_one_waiting(tmp_path, failing):
    def act(store):
        store.save(1, {"code": print} if store.rank == failing else training_state(1))

    outcomes = ranks(tmp_path, 2, act)
    assert isinstance(outcomes[failing], StateError)
    assert isinstance(outcomes[1 - failing], CheckpointError)
    assert Store(tmp_path).steps() == ()
    assert ranks(tmp_path, 2, lambda store: store.save(1, {})) == [None, None]


def test_a_checkpoint_that_a_check_refuses_is_passed_over(tmp_path):
    def check(info):
        if info.meta["epoch"] > 1:
            raise CheckpointError("somewhere/file", "too late")

    for step in range(4):
        Store(tmp_path).save(step, {}, {"epoch": step})
    found = Store(tmp_path).load_newest(check)
    assert found.step == 1
    assert [str(passed) for passed in found.passed_over] == ["step 3: file: too late", "step 2: file: too late"]
    assert Store(tmp_path).load_newest().step == 3


def test_a_metric_that_no_float_holds_is_none(tmp_path):
    Store(tmp_path).save(1, {}, {"metrics": {"huge": 10**400, "loss": 1, "none": None}})
    assert Store(tmp_path).info(1).metrics == {"loss": 1.0}
