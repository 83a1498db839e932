from __future__ import annotations

import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import torch
from xxhash import xxh3_128_digest

from samerun.errors import TraceError
from samerun.rng import Packed, capture
from samerun.tracing.files import rank_path, siblings
from samerun.tracing.format import KINDS, TABLES, Phase, series_key
from samerun.tracing.packing import pack_state, unpack_state
from samerun.tracing.reader import Part, Series, Trace, open_run
from samerun.tracing.writer import Writer


def digest(*what):
    return blake2b(repr(what).encode(), digest_size=16).digest()


def write_steps(writer, steps):
    numpy, batch, loss = writer.series("rng", "numpy"), writer.series("batch", ""), writer.series("loss", "")
    for step in steps:
        writer.event(step, Phase.BEFORE_BATCH, numpy, digest("numpy", step // 10), value=step)
        writer.event(step, Phase.BATCH, batch, digest("batch", step), parts=bytes(16))
        writer.event(step, Phase.GRADIENTS, loss, digest("loss", step), value=1 / (step + 1))
        writer.end_step(step, loss=1 / (step + 1))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "A.trace"


def test_what_was_written_is_read(path):
    state = capture().packed("numpy")
    with_part = [("weight", "float32", (2, 3))]
    writer = Writer(path, {"pid": 7, "command": {"argv": ["train.py"]}})
    numpy = writer.series("rng", "numpy")
    assert writer.series("rng", "numpy") == numpy
    parameters = writer.series("parameters", "")
    writer.note(0, "seed", {"library": "torch", "value": 42})
    writer.state(0, numpy, pack_state(state))
    writer.event(0, Phase.BEFORE_BATCH, numpy, digest(1), value=624)
    writer.layout(parameters, 0, with_part)
    writer.event(0, Phase.STEPPED, parameters, digest(2), parts=b"12345678")
    writer.end_step(0, loss=0.5)
    writer.close("end")

    with Trace(path) as trace:
        assert trace.meta == {"pid": 7, "command": {"argv": ["train.py"]}, "finished": "end"}
        first, second = trace.events()
        assert first.seq < second.seq
        assert first[1:] == (0, Phase.BEFORE_BATCH, 0, Series("rng", "numpy"), digest(1), 624, None)
        assert second[1:] == (0, Phase.STEPPED, 0, Series("parameters", ""), digest(2), None, b"12345678")
        assert second.part_digests() == [b"12345678"]
        (note,) = trace.notes("seed")
        assert (note.step, note.value, note.seq < first.seq) == (0, {"library": "torch", "value": 42}, True)
        assert trace.notes("load") == []
        assert trace.layout(Series("parameters", ""), 5) == [Part("weight", "float32", (2, 3))]
        (step,) = trace.steps()
        assert (step.step, step.loss) == (0, 0.5)
        read = trace.states(Series("rng", "numpy"))[0]
        assert read.kind == state.kind
        assert all(torch.equal(read.fields[name], tensor) for name, tensor in state.fields.items())


def test_a_state_that_stands_is_written_when_it_changes_and_counts_in_every_step(path, tmp_path):
    writer = Writer(path, {})
    write_steps(writer, range(30))
    writer.close()
    other = Writer(tmp_path / "late.trace", {})
    write_steps(other, range(15, 30))
    other.close()
    with Trace(path) as trace, Trace(other.path) as late:
        changes = [event.step for event in trace.events() if event.series.kind == "rng"]
        assert changes == [0, 10, 20]
        assert trace.standing(25)[Series("rng", "numpy")].digest == digest("numpy", 2)
        assert trace.standing(20)[Series("rng", "numpy")].step == 10
        assert trace.standing(0) == {}
        # The second file writes the state at its first step, where the first file had it already.
        assert [step.digest for step in late.steps()] == [step.digest for step in trace.steps()[15:]]


def test_the_digest_of_a_step_tells_series_phase_and_order_apart(tmp_path):
    def of(*events):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.trace"
        writer = Writer(path, {})
        for phase, kind, name, content in events:
            writer.event(0, phase, writer.series(kind, name), digest(content))
        writer.end_step(0)
        writer.close()
        with Trace(path) as trace:
            return trace.steps()[0].digest

    one, two = (1, "batch", "a", 1), (1, "batch", "b", 1)
    digests = [of(one), of(two), of(one, two), of(two, one), of((0, "batch", "a", 1)), of((1, "loss", "a", 1)), of()]
    assert len(set(digests)) == len(digests)
    assert of(one) == xxh3_128_digest(series_key("batch", "a") + digest(1) + b"\1")


def test_repeated_events_of_a_step_are_numbered_and_the_next_step_begins_anew(path):
    writer = Writer(path, {})
    batch = writer.series("batch", "")
    for step in (0, 1):
        for item in range(3):
            writer.event(step, Phase.BATCH, batch, digest(step, item))
        writer.end_step(step)
    writer.close()
    with Trace(path) as trace:
        assert [(event.step, event.nth) for event in trace.events()] == [(s, n) for s in (0, 1) for n in range(3)]
        assert [event.step for event in trace.events(1, 1)] == [1, 1, 1]
        assert trace.events(2) == trace.events(5, 9) == []


def test_nan_is_kept_as_a_word_and_infinity_as_a_number(path):
    writer = Writer(path, {})
    for step, loss in enumerate((math.nan, math.inf)):
        writer.event(step, Phase.GRADIENTS, writer.series("loss", ""), digest(step), value=loss)
        writer.end_step(step, loss=loss)
    writer.close()
    with Trace(path) as trace:
        assert [event.value for event in trace.events()] == ["nan", math.inf]
        assert [step.loss for step in trace.steps()] == [None, math.inf]


def test_an_existing_file_is_refused_and_only_a_trace_replaced(path, tmp_path):
    Writer(path, {"first": True}).close()
    with pytest.raises(TraceError, match="there is a file already"):
        Writer(path, {})
    Writer(path, {"second": True}, force=True).close()
    with Trace(path) as trace:
        assert trace.meta["second"]
        assert "first" not in trace.meta
    precious = tmp_path / "thesis.txt"
    precious.write_text("ten years")
    with pytest.raises(TraceError, match="not a trace, so it is not replaced"):
        Writer(precious, {}, force=True)
    assert precious.read_text() == "ten years"
    with pytest.raises(TraceError, match="cannot be made"):
        Writer(tmp_path / "no" / "such" / "folder.trace", {})


def test_an_sqlite_that_is_too_old_is_said_to_be(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(TraceError, match=r"SQLite .* here, and 3\.37 is needed"):
        Writer(path, {})
    assert not path.exists()


def test_a_kind_that_is_not_of_the_format_is_refused(path):
    writer = Writer(path, {})
    with pytest.raises(ValueError, match="not 'weather'"):
        writer.series("weather", "")
    writer.close()


def test_it_is_readable_while_it_is_written_and_a_reader_does_not_stop_the_writer(path):
    writer = Writer(path, {})
    write_steps(writer, range(10))
    writer.commit()
    reader = Trace(path)
    assert reader.finished is None
    locking = sqlite3.connect(path, isolation_level=None)
    locking.execute("BEGIN")
    locking.execute("SELECT * FROM events").fetchall()  # holds a lock until the transaction ends
    write_steps(writer, range(10, 20))
    writer._commit(wait=False)
    assert len(writer._events) > 0  # nothing was lost, and nothing waited
    locking.execute("COMMIT")
    locking.close()
    writer.close("done")
    assert len(reader.steps()) == 10  # as it was when it was opened
    assert max(event.step for event in reader.events()) == 9
    reader.close()
    with Trace(path) as trace:
        assert [step.step for step in trace.steps()] == list(range(20))
        assert trace.finished == "done"


def test_the_copy_in_a_forked_child_writes_nothing(path):
    writer = Writer(path, {})
    write_steps(writer, range(3))
    child = os.fork()
    if child == 0:
        write_steps(writer, range(3, 6))
        writer.close("child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    write_steps(writer, range(3, 5))
    writer.close("parent")
    with Trace(path) as trace:
        assert len(trace.steps()) == 5
        assert trace.finished == "parent"


CHILD = """
import os, signal, sys
sys.path.insert(0, {here!r})
from test_trace_file import Writer, write_steps
writer = Writer({path!r}, {{}})
{body}
"""


def child(path, body):
    code = CHILD.format(here=str(Path(__file__).parent), path=str(path), body=body)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_process_killed_at_any_moment_leaves_a_valid_file(path):
    body = "import itertools; print('ready', flush=True); write_steps(writer, itertools.count())"
    with child(path, body) as process:
        process.stdout.readline()
        found = 0
        while found < 1000:  # read while it is written, until there is enough
            with Trace(path) as trace:
                found = len(trace.steps())
        process.kill()
    with Trace(path) as trace:
        steps = trace.steps()
        assert [step.step for step in steps] == list(range(len(steps)))
        assert len(steps) >= found
        events = trace.events(0, steps[-1].step)
        batches = [event.digest for event in events if event.series.kind == "batch"]
        assert batches == [digest("batch", step) for step in range(len(steps))]
        assert trace.finished is None


def test_a_process_killed_within_a_commit_leaves_the_file_as_before_it(path):
    body = """
write_steps(writer, range(5))
writer.commit()
# Enough that SQLite writes pages into the file before the end of the transaction.
write_steps(writer, range(5, 30_000))
print(len(writer._events), flush=True)
writer._connection.set_trace_callback(lambda sql: sql == "COMMIT" and os.kill(os.getpid(), signal.SIGKILL))
writer.commit()
"""
    with child(path, body) as process:
        process.stdout.readline()
        assert process.wait() == -signal.SIGKILL
    assert path.with_name("A.trace-journal").exists()
    with Trace(path) as trace:
        steps = [step.step for step in trace.steps()]
        assert len(steps) < 30_000
        assert steps == list(range(len(steps)))
        assert [event.step for event in trace.events() if event.series.kind == "batch"] == steps


def test_an_interpreter_that_ends_without_closing_writes_the_rest(path):
    with child(path, "write_steps(writer, range(7)); print('x')") as process:
        assert process.wait() == 0
    with Trace(path) as trace:
        assert len(trace.steps()) == 7
        assert trace.finished == "exit"


def test_a_hundred_thousand_steps(path):
    writer = Writer(path, {})
    start = time.process_time()
    write_steps(writer, range(100_000))
    writer.close()
    seconds = time.process_time() - start
    with Trace(path) as trace:
        assert len(trace.steps()) == 100_000
    assert path.stat().st_size / 100_000 < 250  # 2.1 events a step, one of them with 16 bytes of parts
    assert seconds < 20  # 300,000 events; a hundred times slower than it is would be a mistake


# --- files that are not what they should be


def test_what_is_not_a_trace_is_said_to_be_none(tmp_path):
    cases = {
        "missing": (None, "does not exist"),
        "empty": (b"", "not a trace"),
        "text": (b"loss 0.5\n" * 100, "not a trace"),
        "pickle": (b"cos\nsystem\n(S'touch hacked'\ntR.", "not a trace"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(TraceError, match=message):
            Trace(path)
    with pytest.raises(TraceError, match="not a file"):
        Trace(tmp_path)
    database = tmp_path / "other.db"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE events(a)")
    connection.close()
    with pytest.raises(TraceError, match="not a trace; record one"):
        Trace(database)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "A.trace"
    writer = Writer(path, {"pid": 1})
    writer.note(0, "seed", {"value": 1})
    writer.state(0, writer.series("rng", "numpy"), pack_state(capture().packed("numpy")))
    writer.layout(writer.series("batch", ""), 0, [("x", "float32", (1,))])
    write_steps(writer, range(200))
    writer.close()
    return path


def read_everything(path):
    with Trace(path) as trace:
        trace.steps(), trace.events(), trace.events(3, 7), trace.notes(), trace.standing(100)
        for series in trace.series.values():
            trace.states(series), trace.layout(series, 10)


def change(whole, path, *statements):
    path.write_bytes(whole.read_bytes())
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


HOSTILE = {
    "a later version": ["PRAGMA user_version = 9"],
    "a missing table": ["DROP TABLE notes"],
    "a view for a table": ["ALTER TABLE events RENAME TO e", "CREATE VIEW events AS SELECT * FROM e"],
    "computed columns": [
        "DROP TABLE meta",
        "CREATE TABLE meta(key TEXT, value TEXT AS (hex(zeroblob(9))))",
    ],
    "meta that is no JSON": ["UPDATE meta SET value = '{' WHERE key = 'pid'"],
    "meta nested too deep": [f"UPDATE meta SET value = '{'[' * 100_000}' WHERE key = 'pid'"],
    "a note that is no JSON": ["UPDATE notes SET value = 'nothing'"],
    "an unknown kind": ["UPDATE series SET kind = 'weather' WHERE id = 0"],
    "an unlisted series": ["DELETE FROM series WHERE id = 1"],
    "a short digest": ["UPDATE events SET digest = x'00' WHERE seq = (SELECT max(seq) FROM events)"],
    "a step's short digest": ["UPDATE steps SET digest = x'00' WHERE step = 5"],
    "an unknown phase": ["UPDATE events SET phase = 17 WHERE seq = (SELECT max(seq) FROM events)"],
    "odd parts": ["UPDATE events SET parts = x'0102'"],
    "a layout that is none": ["UPDATE layouts SET names = '[[1]]'"],
    "a layout of words": ["""UPDATE layouts SET names = '[["a", "b", ["c"]]]'"""],
    "a state that is none": ["UPDATE states SET state = x'ffffffff00'"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_to_mislead_is_an_error(whole, path, name):
    change(whole, path, *HOSTILE[name])
    with pytest.raises(TraceError):
        read_everything(path)


def test_a_file_that_has_more_than_a_trace_is_read(whole, path):
    change(whole, path, "CREATE INDEX mine ON events(step)", "CREATE TABLE scratch(a)")
    read_everything(path)


def test_a_damaged_or_truncated_file_is_read_or_refused_and_never_more(whole, path, monkeypatch):
    content = whole.read_bytes()
    generator = random.Random(1)
    refused = 0
    for trial in range(200):
        data = bytearray(content)
        if trial % 2:
            del data[generator.randrange(len(data)) :]
        else:
            for _ in range(20):
                data[generator.randrange(100, len(data))] = generator.randrange(256)
        path.write_bytes(bytes(data))
        try:
            read_everything(path)
        except TraceError:
            refused += 1
    assert refused > 100


def test_reading_leaves_the_file_as_it_is(whole, path):
    path.write_bytes(whole.read_bytes())
    path.chmod(0o444)
    read_everything(path)
    assert path.read_bytes() == whole.read_bytes()
    assert [entry.name for entry in path.parent.iterdir()] == ["A.trace"]


# --- packed states


def test_states_come_back_bit_by_bit():
    state = capture()
    for name in state.names:
        packed = state.packed(name)
        back = unpack_state(pack_state(packed))
        assert (back.kind, list(back.fields)) == (packed.kind, list(packed.fields))
        for field, tensor in packed.fields.items():
            assert (back.fields[field].dtype, back.fields[field].shape) == (tensor.dtype, tensor.shape)
            assert back.fields[field].numpy().tobytes() == tensor.numpy().tobytes()
    scalar = Packed(
        "k", {"gauss": torch.tensor(math.nan, dtype=torch.float64), "none": torch.empty(0, dtype=torch.uint8)}
    )
    assert pack_state(unpack_state(pack_state(scalar))) == pack_state(scalar)


def test_bytes_that_are_no_state_are_refused():
    good = pack_state(Packed("k", {"a": torch.arange(4, dtype=torch.int64)}))

    def header(**changes):
        text = json.dumps({"kind": "k", "fields": [["a", "torch.int64", [1]]], **changes}).encode()
        return len(text).to_bytes(4, "little") + text + bytes(8)

    assert unpack_state(header()).fields["a"].tolist() == [0]
    bad = [
        b"",
        good[:-1],
        good + b"x",
        header(fields=[["a", "torch.int64", [-1]]]),
        header(fields=[["a", "torch.int64", [10**12]]]),
        header(fields=[["a", "object", [1]]]),
        header(fields=3),
        b"\x02\0\0\0[]",
        b"\xff\xff\xff\x7f",
    ]
    for data in bad:
        with pytest.raises(TraceError, match="not one"):
            unpack_state(data)


# --- several processes


def test_the_files_of_a_run_are_found_by_their_names(tmp_path):
    path = tmp_path / "A.trace"
    assert rank_path(path, 0) == path
    assert rank_path(path, 12).name == "A.rank12.trace"
    for rank in (10, 0, 2):
        Writer(rank_path(path, rank), {"rank": rank}).close()
    Writer(tmp_path / "A.pid2.trace", {}).close()
    (tmp_path / "A.rank2.trace.html").write_text("")
    (tmp_path / "AB.rank2.trace").write_text("")
    assert list(siblings(path)) == ["rank 0", "rank 2", "rank 10", "process 2"]
    opened = open_run(path)
    assert [trace.meta.get("rank") for trace in opened.values()] == [0, 2, 10, None]
    for trace in opened.values():
        trace.close()
    with pytest.raises(TraceError, match="does not exist"):
        open_run(tmp_path / "B.trace")


def test_pandas_opens_the_tables(whole):
    pandas = pytest.importorskip("pandas")
    connection = sqlite3.connect(f"file:{whole}?mode=ro", uri=True)
    losses = pandas.read_sql("SELECT step, loss FROM steps", connection)
    connection.close()
    assert np.array_equal(losses.loss, 1 / (losses.step + 1))


def test_the_schema_is_that_of_version_1():
    # A change of these needs a new version, because readers compare the statements.
    assert blake2b(repr(TABLES).encode(), digest_size=8).hexdigest() == "5cf47078e296eed1"
    assert tuple("rng batch output op draw loss gradients scaler rates optimizer parameters buffers".split()) == KINDS
