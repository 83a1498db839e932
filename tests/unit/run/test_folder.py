from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

from samerun.checkpoint import Keep, Store
from samerun.errors import CheckpointError, RunError, SamerunWarning, StateError
from samerun.run.cursor import Cursor
from samerun.run.folder import Folder
from samerun.run.ranks import Ranks
from samerun.run.record import Record
from states import full

STATE = {"tracked": {"a": 1}, "rng": {}}


def folder(directory, on_error="raise", ranks=None):
    return Folder(directory, keep=Keep(9), on_error=on_error, ranks=ranks or Ranks())


def save(folder, step, state=STATE):
    folder.save(step, lambda: state, Record(0, 42, Cursor(step=step), {}))


def test_what_was_saved_is_found_again_and_what_was_logged_behind_is_forgotten(tmp_path):
    first = folder(tmp_path)
    assert first.newest(exactly=True) is None
    first.log({"step": 0}, {"loss": 1})
    save(first, 1)
    first.log({"step": 1}, {"loss": 2})
    first.close()
    second = folder(tmp_path)
    found, record = second.newest(exactly=True)
    second.cut(record)
    second.close()
    assert (found.state, record.run.step, record.metrics) == (STATE, 1, {"loss": 1})
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 0, "loss": 1}\n'


def test_metrics_that_no_run_left_are_kept(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("mine\n")
    first = folder(tmp_path)
    with pytest.warns(SamerunWarning, match="its lines are now in metrics.1.jsonl"):
        first.newest(exactly=True)
    first.log({"step": 0}, {"loss": 1})
    first.close()
    second = folder(tmp_path)
    second.newest(exactly=True)  # its own, from before the first checkpoint
    second.close()
    assert [(tmp_path / name).read_text() for name in ("metrics.jsonl", "metrics.1.jsonl")] == ["", "mine\n"]


ODD = {
    "no seed": lambda meta: meta.pop("seed"),
    "an environment that is none": lambda meta: meta.update(environment=5),
    "no place": lambda meta: meta.pop("run"),
    "metrics of a length that is none": lambda meta: meta.update(metrics_bytes="x"),
    "more metrics than there can be": lambda meta: meta.update(metrics_bytes=2**70),
}


@pytest.mark.parametrize("name", ODD)
def test_a_checkpoint_that_no_run_made_is_passed_over(tmp_path, name):
    first = folder(tmp_path)
    save(first, 1)
    first.close()
    meta = Store(tmp_path).info(1).meta
    ODD[name](meta)
    Store(tmp_path).save(2, STATE, meta)
    second = folder(tmp_path)
    with pytest.warns(SamerunWarning, match="a newer checkpoint cannot be used, step 2: manifest.json: "):
        assert second.newest(exactly=False)[0].step == 1
    second.close()
    Store(tmp_path).delete(1)
    third = folder(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):
        third.newest(exactly=True)
    third.close()


def test_a_state_that_no_run_made_is_refused(tmp_path):
    Store(tmp_path).save(1, [], Record(0, 42, Cursor(), {}).meta())
    found = folder(tmp_path)
    with pytest.raises(StateError, match="'tracked' and 'rng'"):
        found.newest(exactly=True)
    found.close()


def test_a_full_disk_raises_or_is_told(tmp_path):
    for on_error in ("raise", "warn"):
        found = folder(tmp_path / on_error, on_error)
        found.log({"step": 0}, {"loss": 1})
        told = pytest.raises(CheckpointError) if on_error == "raise" else pytest.warns(SamerunWarning)
        with full(25), told as seen:
            found.log({"step": 1}, {"loss": 2})
        assert "a line was not written" in str(seen.value if on_error == "raise" else seen[0].message)
        save(found, 2)
        found.close()
        assert len((tmp_path / on_error / "metrics.jsonl").read_text().splitlines()) == 1
        assert Store(tmp_path / on_error).steps() == (2,)


def test_after_another_owner_took_over_nothing_is_saved(tmp_path):
    found = folder(tmp_path)
    note = tmp_path / "owner.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "host": "elsewhere"}))
    with pytest.raises(RunError, match=r"on elsewhere .* has taken it over"):
        save(found, 1)
    found.close()
    assert Store(tmp_path).steps() == ()


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("state", ["cannot be made", "cannot be stored"])
def test_a_rank_that_cannot_save_keeps_no_other_rank_waiting(tmp_path, failing, state):
    barrier, outcomes = threading.Barrier(2, timeout=20), [None, None]

    def act(rank):
        ranks = SimpleNamespace(rank=rank, world_size=2, barrier=barrier.wait, meet=barrier.wait)
        found = folder(tmp_path, ranks=ranks)
        bad = {"cannot be stored": lambda: {"code": print}, "cannot be made": lambda: 1 / 0}[state]
        try:
            found.save(1, bad if rank == failing else lambda: STATE, Record(0, 42, Cursor(), {}))
            found.wait()
        except Exception as error:
            outcomes[rank] = error
        save(found, 2)
        found.close()

    threads = [threading.Thread(target=act, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(outcomes[failing], ZeroDivisionError if state == "cannot be made" else StateError)
    assert isinstance(outcomes[1 - failing], CheckpointError)
    assert Store(tmp_path).steps() == (2,)
