"""Cells that keep their draws to themselves: ``%%isolate``, ``%%stream`` and the comment that says the same."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
import torch

from draws import bare_states
from samerun import Stream
from samerun.errors import NotebookError, SeedError, StreamError
from samerun.rng.ownership import stack

DRAW = "random.random(), float(np.random.rand()), torch.rand(1).item()"


def test_an_isolated_cell_leaves_no_trace_and_draws_what_it_would_have_drawn(cells):
    before = bare_states()
    inside = cells(f"%%isolate\ntorch.manual_seed(1)\nnp.random.seed(2)\nrandom.seed(3)\n{DRAW}")
    assert bare_states() == before
    assert cells(f"%%isolate\n{DRAW}") == cells(DRAW)
    assert cells(DRAW) != inside


def test_another_cell_leaves_one(cells):
    before = bare_states()
    cells(DRAW)
    assert bare_states() != before


@pytest.mark.parametrize("mark", ["%%stream train --seed 7", "# samerun: train", "# why\n\n# samerun: train"])
def test_a_stream_is_samerun_s_own_and_goes_on_whatever_is_drawn_in_between(cells, mark):
    seed = 7 if "7" in mark else 0
    before = bare_states()
    first = cells(f"{mark}\n{DRAW}")
    assert bare_states() == before
    cells(DRAW, f"%%stream other\n{DRAW}")
    second = cells(f"%%stream train\n{DRAW}")
    with Stream(seed, name="train"):
        expected = [(random.random(), float(np.random.rand()), torch.rand(1).item()) for _ in range(2)]
    assert [first, second] == expected


def test_two_streams_draw_the_same_in_either_order(cells):
    forward = [cells("%%stream a\nrandom.random()"), cells("%%stream b\nrandom.random()")]
    cells.recorder.streams.__init__()
    backward = [cells("%%stream b\nrandom.random()"), cells("%%stream a\nrandom.random()")]
    assert forward == backward[::-1]
    assert forward[0] != forward[1]


@pytest.mark.parametrize("mark", ["%%isolate", "%%stream train"])
@pytest.mark.parametrize(
    "body",
    ["random.random(); 1 / 0", "random.random(); raise KeyboardInterrupt", "random.random()\nimport sys\nsys.exit(3)"],
)
def test_the_generators_come_back_when_the_cell_fails(cells, mark, body):
    before = bare_states()
    cells.failing(f"{mark}\n{body}")
    assert bare_states() == before
    assert cells("2 + 2") == 4
    assert not stack.is_isolated(None)


def test_a_stream_goes_on_after_a_failure_where_the_cell_stopped(cells):
    cells.failing("%%stream train\nrandom.random()\n1 / 0\nrandom.random()")
    with Stream(0, name="train"):
        _, expected = random.random(), random.random()
    assert cells("%%stream train\nrandom.random()") == expected


def test_await_tracebacks_and_the_last_value_are_as_ever(cells):
    assert cells("%%isolate\nimport asyncio\nawait asyncio.sleep(0)\n40 + 2") == 42
    error = cells.failing("%%isolate\n\n1 / 0")
    assert error.__traceback__.tb_next.tb_lineno == 3


def test_an_awaiting_cell_goes_on_in_its_stream(cells):
    found = cells("%%stream train\nimport asyncio\na = random.random()\nawait asyncio.sleep(0)\na, random.random()")
    with Stream(0, name="train"):
        assert found == (random.random(), random.random())


@pytest.mark.parametrize(
    "cell",
    [
        "%%isolate\n%%time\nrandom.random()",
        "%%time\n%%isolate\nrandom.random()",
        "%%capture\n%%isolate\nrandom.random()",
        "%%isolate\n%%stream inner\nrandom.random()",
        "get_ipython().run_cell('%%isolate\\nrandom.random()')",
        "get_ipython().run_cell_magic('isolate', '', 'random.random()')",
        "for _ in range(3): get_ipython().run_cell('%%isolate\\nrandom.random()', silent=True)",
        "%isolate\nrandom.random()",
    ],
)
def test_other_magics_and_cells_in_cells_may_be_outside_or_inside(cells, cell):
    before = bare_states()
    cells(cell)
    assert bare_states() == before
    assert not stack.is_isolated(None)


def test_what_a_nested_cell_isolates_ends_with_it(cells):
    before = bare_states()
    cells("get_ipython().run_cell('%%isolate\\nrandom.random()')\nx = random.random()")
    random.random()
    after = bare_states()
    assert after != before
    assert len(cells.recorder.journal) == 1


def test_an_empty_cell_inside_another_ends_nothing(cells):
    before = bare_states()
    cells("%%isolate\nget_ipython().run_cell('')\nget_ipython().run_cell('  ')\nrandom.random()")
    assert bare_states() == before


def test_a_failing_cell_magic_called_by_code_fails(cells):
    before = bare_states()
    cells.failing("get_ipython().run_cell_magic('isolate', '', 'random.random(); 1 / 0')")
    assert bare_states() == before


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("%%stream", NotebookError),
        ("%%stream a b", NotebookError),
        ("%%stream a --sed 3", NotebookError),
        ("%%stream a --seed three", NotebookError),
        ("%%stream a --seed -3", SeedError),
        ("%%stream isolate", NotebookError),
        ("%%stream 'a", NotebookError),
        ("%%isolate now", NotebookError),
        ("%%stream a --seed 18446744073709551616", SeedError),
    ],
)
def test_a_wish_that_is_not_understood_stops_the_cell_before_it_runs(cells, cell, error):
    assert isinstance(cells.failing(f"{cell}\nran = True"), error)
    assert "ran" not in cells.shell.user_ns


def test_another_seed_for_the_same_stream_is_refused(cells):
    cells("%%stream train --seed 7\nrandom.random()", "%%stream train --seed 7\nrandom.random()")
    error = cells.failing("%%stream train --seed 8\nrandom.random()")
    assert "'train': began from seed 7, not from seed 8" in str(error)


def test_a_thread_inside_a_stream_is_not_disturbed(cells):
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with Stream(1):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    try:
        assert isinstance(cells.failing("%%isolate\nran = True"), StreamError)
        assert "ran" not in cells.shell.user_ns
    finally:
        leave.set()
        thread.join()
    cells("%%isolate\nrandom.random()")


def test_an_error_when_a_block_ends_is_the_cell_s(cells, monkeypatch):
    def new_source(*_):
        raise StreamError("train", "a device came into being")

    monkeypatch.setattr(stack, "_account_for_new_sources", new_source)
    before = bare_states()
    assert isinstance(cells.failing("%%stream train\nrandom.random()"), StreamError)
    assert bare_states() == before


def test_the_shell_s_own_help_still_works(cells, capsys):
    cells("%%isolate?")
    assert "leave no trace" in capsys.readouterr().out
