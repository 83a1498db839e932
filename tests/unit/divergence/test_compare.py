from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runs import EVENTS, plain, record
from samerun.divergence.compare import compare_runs
from samerun.errors import TraceError
from samerun.tracing.files import rank_path
from samerun.tracing.format import Phase
from samerun.tracing.reader import Series

STEPS = 12

# What differs before a batch is fetched and agrees once it is there is passed over, which has a test of its own.
SEEN = [event for event in EVENTS if event != (Phase.BEFORE_BATCH, "rng", "torch.cpu")]


@pytest.fixture
def make(tmp_path):
    """Return a function that writes a trace and returns its path."""
    made = []

    def write(*arguments, **options):
        made.append(record(tmp_path / f"{len(made)}.trace", *arguments, **options))
        return made[-1]

    return write


def compared(first, second, **options):
    run = compare_runs(first, second, **options)
    run.close()
    return run.worst


def changed(at, event, value="changed"):
    """Return the content of a training with one event changed."""

    def content(step, phase, kind, name):
        return value if (step, phase, kind, name) == (at, *event) else plain(step, phase, kind, name)

    return content


def place(pair):
    return pair.step, pair.phase, pair.series.kind, pair.series.name


# --- laws


@settings(max_examples=25, deadline=None)
@given(st.integers(0, STEPS - 1), st.sampled_from(SEEN))
def test_one_changed_event_is_found_exactly_there(step, event):
    with tempfile.TemporaryDirectory() as folder:
        first = record(Path(folder, "A.trace"), steps=range(STEPS))
        second = record(Path(folder, "B.trace"), changed(step, event), steps=range(STEPS))
        for pair in (compared(first, second).divergence, compared(second, first).divergence):
            assert place(pair) == (step, *event)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, STEPS - 1), st.integers(0, STEPS - 1), st.sampled_from(SEEN), st.booleans())
def test_a_resumed_run_is_aligned_and_its_change_found_in_the_steps_of_the_whole(start, step, event, recorded):
    step = max(step, start)
    assume(event[2] != "numpy" or start < STEPS - 1)  # otherwise it never moves in the resumed run
    with tempfile.TemporaryDirectory() as folder:
        options = {} if recorded else {"initial": None}
        whole = record(Path(folder, "A.trace"), steps=range(STEPS), **options)
        same = record(Path(folder, "B.trace"), steps=range(start, STEPS), start=start, **options)
        other = record(Path(folder, "C.trace"), changed(step, event), steps=range(start, STEPS), start=start, **options)
        found = compared(whole, same)
        assert (found.alignment.offset, found.same) == (start, True)
        assert found.alignment.by == ("parameters" if recorded else "batches")
        assert compared(same, whole).alignment.offset == -start
        assert compared(same, whole).same
        pair = compared(whole, other, offset=start).divergence
        assert place(pair) == (step, *event)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), unique=True, min_size=2), st.integers(2, STEPS), st.integers(2, STEPS))
def test_a_trace_is_the_same_as_itself_and_length_is_a_difference_of_its_own(events, one, other):
    with tempfile.TemporaryDirectory() as folder:
        first = record(Path(folder, "A.trace"), steps=range(one), events=tuple(events))
        second = record(Path(folder, "B.trace"), steps=range(other), events=tuple(events))
        assert compared(first, first).same
        found = compared(first, second)
        assert found.divergence is None
        assert found.same == (one == other)
        assert found.shorter == (None if one == other else int(other < one))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(len(EVENTS))))
def test_the_numbers_of_series_do_not_matter(order):
    with tempfile.TemporaryDirectory() as folder:
        first = record(Path(folder, "A.trace"), steps=range(STEPS))
        second = Path(folder, "B.trace")
        # The same events, but the series are made in another order, by a layout each.
        record(second, steps=range(STEPS), layouts={EVENTS[place][1]: [] for place in order})
        assert compared(first, second).same
        third = record(Path(folder, "C.trace"), changed(5, EVENTS[2]), layouts={EVENTS[p][1]: [] for p in order})
        assert place(compared(first, third).divergence) == (5, *EVENTS[2])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, STEPS - 1), st.integers(0, STEPS - 1), st.sampled_from(SEEN), st.sampled_from(SEEN))
def test_of_two_changes_the_one_that_is_executed_first_is_found(step, other, event, other_event):
    with tempfile.TemporaryDirectory() as folder:
        first = record(Path(folder, "A.trace"), changed(step, event), steps=range(STEPS))
        second = record(Path(folder, "B.trace"), changed(other, other_event, "otherwise"), steps=range(STEPS))
        earlier = min((step, EVENTS.index(event)), (other, EVENTS.index(other_event)))
        assert place(compared(first, second).divergence) == (earlier[0], *EVENTS[earlier[1]])


# --- what agreed, what is left out


def test_what_agreed_before_and_what_differs_later_is_told(make):
    def consequence(step, phase, kind, name):
        spoiled = (step, phase) >= (7, Phase.GRADIENTS) and kind in ("gradients", "parameters", "loss")
        return ("spoiled", step) if spoiled and (step, kind) != (7, "loss") else plain(step, phase, kind, name)

    found = compared(make(), make(consequence))
    assert place(found.divergence) == (7, Phase.GRADIENTS, "gradients", "")
    assert {str(pair.series) for pair in found.before} == {"rng torch.cpu", "batch", "loss"}
    assert {str(series): pair.step for series, pair in found.later.items()} == {"parameters": 7, "loss": 8}


def test_what_is_known_to_differ_can_be_ignored_by_kind_and_name(make):
    noisy = make(lambda step, phase, kind, name: step if name == "numpy" else plain(step, phase, kind, name))
    first = make()
    assert not compared(first, noisy).same
    assert compared(first, noisy, ignore=["rng:numpy"]).same
    assert compared(first, noisy, ignore=["rng:num*"]).same
    assert compared(first, noisy, ignore=["rng"]).same
    assert not compared(first, noisy, ignore=["rng:torch.*", "batch"]).same


def test_a_generator_that_neither_run_drew_from_does_not_matter(make):
    def other(step, phase, kind, name):
        return "unseeded" if name == "numpy" else plain(step, phase, kind, name)

    def moving(step, phase, kind, name):
        return ("unseeded", step == 7) if name == "numpy" else plain(step, phase, kind, name)

    found = compared(make(), make(other))
    assert (found.same, found.pairing.idle) == (True, {Series("rng", "numpy")})
    assert not compared(make(), make(moving)).same


def test_when_a_loader_draws_before_a_batch_does_not_matter(make):
    passing = changed(5, (Phase.BEFORE_BATCH, "rng", "torch.cpu"))

    def lasting(step, phase, kind, name):
        early = step == 5 and name == "torch.cpu" and phase <= Phase.BATCH
        return ("other", phase) if early else plain(step, phase, kind, name)

    assert compared(make(), make(passing)).same
    assert place(compared(make(), make(lasting)).divergence) == (5, Phase.BEFORE_BATCH, "rng", "torch.cpu")


def test_how_often_a_generator_was_read_before_a_resumed_run_began_does_not_matter(make):
    again = (Phase.BEFORE_BATCH, "rng", "torch.cpu")
    whole = make()

    def before(step, phase, kind, name):
        first = next(reads) if (step, phase, name) == (10, *again[::2]) else 1
        return "before the states were restored" if first == 0 else plain(step, phase, kind, name)

    reads = iter(range(9))
    resumed = make(before, events=(again, *EVENTS), steps=range(10, 20), start=10)
    found = compared(whole, resumed)
    assert (found.alignment.offset, found.same) == (10, True)


def test_what_only_one_of_them_recorded_is_left_out_and_named(make):
    more = make(events=(*EVENTS, (Phase.STEPPED, "scaler", ""), (Phase.STEPPED, "rng", "torch.cuda:0")))
    found = compared(make(), more)
    assert found.same
    assert found.pairing.left_out == {Series("rng", "torch.cuda:0"): 1, Series("scaler", ""): 1}


def test_a_batch_that_only_one_of_them_fetches_beside_the_same_ones_changes_nothing_by_itself(make):
    more = make(events=(*EVENTS[:2], (Phase.BATCH, "batch", "second"), *EVENTS[2:]))
    assert compared(make(), more).same
    assert compared(more, make()).same


def test_a_batch_that_only_one_of_them_trains_on_is_a_difference(make):
    trained = ((Phase.BATCH, "batch", "second"), (Phase.BATCH, "loss", "second"), (Phase.BEFORE_BATCH, "rng", "numpy"))
    both = (*EVENTS[:3], (Phase.BATCH, "batch", "second"), *EVENTS[3:])
    for events in ((*trained, *EVENTS), both):
        pair = compared(make(), make(events=events)).divergence
        assert (pair.step, str(pair.series), pair.first) == (0, "batch second", None)


def test_a_batch_of_another_loader_in_its_place_is_a_difference(make):
    other = make(events=(*EVENTS[:2], (Phase.BATCH, "batch", "second"), *EVENTS[3:]))
    pair = compared(make(), other).divergence
    assert (pair.step, str(pair.series), pair.first) == (0, "batch second", None)


VALIDATION = ((Phase.BATCH, "batch", "Validation[10]"), (Phase.BATCH, "rng", "torch.cpu"))


def test_what_a_batch_of_one_of_them_draws_is_the_difference(make):
    def drawn(step, phase, kind, name):
        return (
            ("ahead", step, phase)
            if (kind, name) == ("rng", "torch.cpu") and step >= 3
            else plain(step, phase, kind, name)
        )

    events = (*VALIDATION, *EVENTS[2:])
    pair = compared(make(events=EVENTS[2:]), make(events=events, content=drawn)).divergence
    assert (pair.step, str(pair.series), pair.phase) == (3, "rng torch.cpu", Phase.BEFORE_BATCH)


def test_a_resumed_run_may_pass_over_batches(make):
    passed = ((Phase.BATCH, "batch", ""), (Phase.BATCH, "rng", "torch.cpu"))
    whole = make(events=EVENTS)

    def record_resumed(content=plain):
        path = make(steps=range(10, 11), start=10, events=(*passed, *passed, *EVENTS), content=content)
        return compared(whole, path)

    assert record_resumed().divergence is None
    moved = record_resumed(lambda *event: "elsewhere" if event[1:] == (Phase.BATCH, "batch", "") else plain(*event))
    assert (moved.divergence.step, moved.divergence.series.kind) == (10, "batch")


def test_a_resumed_run_may_validate_otherwise_before_it_trains(make):
    whole = make(events=(*VALIDATION, *VALIDATION, *VALIDATION, *EVENTS))

    def record_resumed(times, content=plain, events=EVENTS):
        path = make(steps=range(10, 11), start=10, events=(*VALIDATION * times, *events), content=content)
        return compared(whole, path)

    def other(step, phase, kind, name):
        return "another" if name == "Validation[10]" else plain(step, phase, kind, name)

    for times in (0, 2, 4):
        assert record_resumed(times, other).divergence is None
    moved = record_resumed(2, lambda *event: "elsewhere" if event[1:] == (Phase.BATCH, "batch", "") else plain(*event))
    assert (moved.divergence.step, str(moved.divergence.series)) == (10, "batch")
    untrained = [event for event in EVENTS if event[1] != "loss"]  # nothing tells what is trained on
    assert str(record_resumed(2, other, untrained).divergence.series) == "batch Validation[10]"


def test_of_two_loaders_that_are_iterated_together_both_count_where_a_run_resumes(make):
    both = ((Phase.BATCH, "batch", "first"), *EVENTS)
    other = changed(10, (Phase.BATCH, "batch", "first"))
    for validated in (0, 1, 2):
        resumed = make(other, events=(*VALIDATION * validated, *both), steps=range(10, 11), start=10)
        found = compared(make(events=(*VALIDATION, *both)), resumed)
        assert (found.divergence.step, str(found.divergence.series)) == (10, "batch first")


def test_deeper_levels_recorded_in_one_of_them_only_are_passed_over(make):
    deep = make(events=(*EVENTS[:3], (Phase.BATCH, "output", "fc"), *EVENTS[3:]))
    assert compared(make(), deep).same
    assert compared(deep, deep).same
    other = make(
        changed(4, (Phase.BATCH, "output", "fc")), events=(*EVENTS[:3], (Phase.BATCH, "output", "fc"), *EVENTS[3:])
    )
    assert place(compared(deep, other).divergence) == (4, Phase.BATCH, "output", "fc")


def test_steps_that_one_of_them_passed_over_are_not_compared(make, tmp_path):
    def every_second(step, phase, kind, name):
        return "changed" if step == 6 and kind == "gradients" else plain(step, phase, kind, name)

    sparse = tmp_path / "sparse.trace"
    from samerun.tracing.writer import Writer

    writer = Writer(sparse, {})
    from runs import digest

    for step in range(0, 20, 3):
        for phase, kind, name in EVENTS:
            writer.event(step, phase, writer.series(kind, name), digest(every_second(step, phase, kind, name)))
        writer.end_step(step)
    writer.close()
    found = compared(make(), sparse)
    assert found.pairing.steps == list(range(0, 20, 3))
    assert place(found.divergence) == (6, Phase.GRADIENTS, "gradients", "")


# --- ends


def test_a_run_that_was_killed_is_the_same_as_far_as_it_went(make):
    found = compared(make(steps=range(20)), make(steps=range(8), finished=None))
    assert found.same
    assert found.ends == (20, 8)


def test_traces_without_a_common_step_cannot_be_compared(make):
    with pytest.raises(TraceError, match=r"no step in common with .*steps 0 to 4 here, steps 0 to 19 there.*--offset"):
        compared(make(), make(steps=range(5)), offset=50)


def test_the_events_of_an_unfinished_step_count_too(make, tmp_path):
    from runs import digest
    from samerun.tracing.writer import Writer

    def cut(path, content):
        writer = Writer(path, {})
        for phase, kind, name in EVENTS[:6]:
            writer.event(0, phase, writer.series(kind, name), digest(plain(0, phase, kind, name)))
        writer.end_step(0)
        writer.event(1, Phase.BATCH, writer.series("batch", ""), digest(content))
        writer.commit()
        return path

    one, same, other = (cut(tmp_path / f"{name}.cut", content) for name, content in (("a", 1), ("b", 1), ("c", 2)))
    assert compared(one, same).same
    assert place(compared(one, other).divergence) == (1, Phase.BATCH, "batch", "")


# --- ranks


def test_every_rank_is_compared_and_the_earliest_difference_is_the_worst(tmp_path):
    first, second = tmp_path / "A.trace", tmp_path / "B.trace"
    for rank in range(3):
        record(rank_path(first, rank))
        content = changed(9 - 3 * rank, EVENTS[2]) if rank else plain
        record(rank_path(second, rank), content)
    run = compare_runs(first, second)
    assert [comparison.same for comparison in run.processes] == [True, False, False]
    assert (run.worst.process, run.worst.divergence.step) == ("rank 2", 3)
    run.close()
    rank_path(second, 2).unlink()
    run = compare_runs(first, second)
    assert run.left_out == {"rank 2": 0}
    assert run.worst.process == "rank 1"
    assert not run.same
    run.close()


# --- speed


@pytest.mark.gallery
def test_a_hundred_thousand_steps_are_compared_in_seconds(tmp_path):
    first = record(tmp_path / "A.trace", steps=range(100_000))
    last = record(tmp_path / "B.trace", changed(99_999, EVENTS[-1]), steps=range(100_000))
    more = record(tmp_path / "C.trace", steps=range(100_000), events=(*EVENTS, (Phase.STEPPED, "scaler", "")))
    for second, same in ((first, True), (last, False), (more, True)):
        start = time.process_time()
        assert compared(first, second).same is same
        assert time.process_time() - start < 5
