"""Where a resumed run goes on in the whole one, of which several optimizers take the steps."""

import tempfile
from itertools import cycle, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs import digest
from samerun.divergence.align import Alignment, align
from samerun.tracing.format import Phase
from samerun.tracing.reader import Series, Trace
from samerun.tracing.spans import after, first_of_most, spans
from samerun.tracing.writer import Writer

KINDS = ("parameters", "optimizer")


def plain(kind, name, steps):
    """Return what stands for an optimizer's parameters or state after some of its own steps; none for no state."""
    return None if (kind, steps) == ("optimizer", 0) else (kind, name, steps)


def record(path, order, *, steps=24, cut=0, loaded=plain, kinds=KINDS):
    """Write the trace of a run whose optimizers take turns, from a step of the whole run on."""
    turns = list(islice(cycle(order), steps))
    taken = {name: turns[:cut].count(name) for name in sorted(set(order))}
    writer = Writer(path, {}, force=True)

    def write(step, phase, name, content):
        for kind in kinds:
            if (what := content(kind, name, taken[name])) is not None:
                writer.event(step, phase, writer.series(kind, name), digest(what))

    for name in taken:
        write(0, Phase.BATCH, name, loaded)
    for step, name in enumerate(turns[cut:]):
        taken[name] += 1
        write(step, Phase.STEPPED, name, plain)
        writer.end_step(step)
    writer.close("end")
    return path


@pytest.fixture
def aligned(tmp_path):
    """Return a function that aligns a whole run with one that goes on from a step."""

    def write(order, cut, **options):
        kinds = options.get("kinds", KINDS)
        whole = record(tmp_path / "A.trace", order, kinds=kinds)
        with Trace(whole) as first, Trace(record(tmp_path / "B.trace", order, cut=cut, **options)) as second:
            return align(first, second)

    return write


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("012"), min_size=1, max_size=5), st.integers(0, 24 - 1), st.booleans())
def test_the_step_is_the_one_at_which_the_parameters_of_all_optimizers_stood(order, cut, stateless):
    kinds = KINDS[:1] if stateless else KINDS
    with tempfile.TemporaryDirectory() as folder:
        whole = record(Path(folder, "A.trace"), order, kinds=kinds)
        resumed = record(Path(folder, "B.trace"), order, cut=cut, kinds=kinds)
        with Trace(whole) as first, Trace(resumed) as second:
            assert align(first, second) == Alignment(cut, "parameters" if cut else "start")
            assert align(second, first) == Alignment(-cut, "parameters" if cut else "start")


@pytest.mark.parametrize(("order", "early"), [("01", "0"), ("10", "1")])
def test_the_parameters_of_the_optimizer_that_steps_first_alone_are_a_step_too_early(tmp_path, order, early):
    with Trace(record(tmp_path / "A.trace", order)) as whole:
        (hit,) = whole.find(Series("parameters", early), digest(plain("parameters", early, 5)))
        assert after(hit) == 9
        assert dict(spans(whole, hit.series))[hit.digest] == range(9, 11)
    with Trace(tmp_path / "A.trace") as whole, Trace(record(tmp_path / "B.trace", order, cut=10)) as resumed:
        assert align(whole, resumed).offset == 10


def clipped(name):
    """Return what a run begins with of which one optimizer's parameters were changed after its step."""
    return lambda kind, number, steps: (
        ("clipped", steps) if (kind, number) == ("parameters", name) else plain(kind, number, steps)
    )


def test_the_state_of_an_optimizer_tells_the_step_where_its_parameters_do_not(aligned):
    assert aligned("01", 10, loaded=clipped("1")) == Alignment(10, "parameters")
    # The control: without it, those that are left fit a step earlier.
    assert aligned("01", 10, loaded=clipped("1"), kinds=KINDS[:1]) == Alignment(9, "parameters")


@pytest.mark.parametrize("forgotten", "01")
def test_what_a_resumed_run_did_not_load_does_not_put_it_at_the_start(aligned, forgotten):
    def loaded(kind, name, steps):
        return plain(kind, name, 0 if name == forgotten else steps)

    assert aligned("10", 10, loaded=loaded, kinds=KINDS[:1]).offset in (9, 10)


def test_the_earliest_step_counts_at_which_most_stood():
    assert first_of_most([]) == first_of_most([([], 3)]) == (0, 0)
    assert first_of_most([([range(4), range(9, 12)], 1)]) == (0, 1)
    assert first_of_most([([range(3, 5)], 2), ([range(4, 6)], 2)]) == (4, 4)
    assert first_of_most([([range(3, 5)], 2), ([range(7, 9)], 1)]) == (3, 2)
    # Of two that never stood together, the one that was loaded tells more than the one that a seed made.
    assert first_of_most([([range(1)], 2), ([range(7, 9)], 2)]) == (7, 2)
