from __future__ import annotations

import io

import pytest
from rich.console import Console

from samerun.verify import choose
from samerun.verify.progress import Progress
from verdicts import DIFFERS, SAME, WORKERS


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def progress(clock, *names, jobs=1, terminal=False, quick=False):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    return Progress(choose(only=names), jobs, console, quick=quick, clock=clock), console.file


def test_what_is_left_follows_from_costs_the_first_run_and_jobs(clock):
    for jobs in (1, 2):
        clock.now = 0.0
        shown, _ = progress(clock, "repeat", "workers", "clock", "warm", jobs=jobs)
        shown("the first run", ())
        assert shown.left is None
        clock.now = 10.0
        shown("repeat: again", ())
        assert shown.left == pytest.approx((1 + 4 + 1) * 10 / jobs)  # clock and warm share a run
        clock.now = 15.0
        assert shown.left == pytest.approx((0.5 + 4 + 1) * 10 / jobs)
        shown("", [SAME])
        assert shown.left == pytest.approx((4 + 1) * 10 / jobs)
        shown("clock: 400 days later, after another training", ())
        shown("workers: 1 worker", ())
        clock.now = 20.0
        assert shown.left == pytest.approx((3.5 + 0.5) * 10 / jobs)


def test_quick_trials_cost_less(clock):
    shown, _ = progress(clock, "repeat", "workers", quick=True)
    shown("the first run", ())
    clock.now = 10.0
    shown("repeat: again", ())
    assert shown.left == pytest.approx((1 + 1) * 10)


def test_what_takes_longer_than_it_costs_is_not_over(clock):
    shown, _ = progress(clock, "repeat")
    shown("the first run", ())
    clock.now = 10.0
    shown("repeat: again", ())
    clock.now = 100.0
    assert 0 < shown.left < 10


def test_a_terminal_is_shown_what_runs_and_what_came_of_it(clock):
    shown, file = progress(clock, "repeat", "workers", terminal=True)
    with shown:
        shown("the first run", ())
        clock.now = 100.0
        shown("repeat: again", ())
        shown("", [SAME])
        shown("workers: 1 worker", ())
        shown("", [WORKERS[0]])
        shown("workers: 3 workers, persistent", ())
        shown("", [DIFFERS])
        shown("workers: 2 workers", ())
        clock.now = 150.0
    text = file.getvalue()
    assert "workers: 2 workers" in text
    assert "about 5 min 50 s left" in text
    assert "2 same, 1 differs" in text
    assert "repeat: again" not in text.splitlines()[-3:]


def test_nothing_is_written_where_no_terminal_is(clock):
    shown, file = progress(clock, "repeat")
    with shown:
        shown("the first run", ())
        shown("repeat: again", ())
    assert file.getvalue() == ""
