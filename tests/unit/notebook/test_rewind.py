"""Going back to before a cell: the generators, the streams, and nothing half-done."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from draws import bare_states
from samerun.errors import NotebookError, StateError

DRAW = "random.random(), random.gauss(0, 1), float(np.random.standard_normal()), torch.rand(3).tolist()"


def test_after_a_rewind_the_cell_gives_the_same_output_again(cells):
    first = cells(DRAW)
    second = cells(DRAW, "np.random.seed(1)", "%rng rewind In[4]", DRAW)
    assert second == first
    assert cells(DRAW) != first


def test_without_one_it_gives_another(cells):
    assert cells(DRAW) != cells(DRAW)


def test_the_first_draw_after_it_is_that_of_the_cell(cells):
    before = bare_states()
    cells("random.gauss(0, 1)", DRAW, "%rng rewind In[4]")
    assert bare_states() == before


@pytest.mark.parametrize("mark", ["%%stream train", "# samerun: train", "%%stream train --seed 5"])
def test_streams_are_where_they_were(cells, mark):
    cell = f"{mark}\n{DRAW}"
    first = cells(cell)
    second = cells(cell)
    assert cells(cell, "%rng rewind In[5]", cell) == second
    assert cells("%rng rewind In[4]", cell) == first


def test_a_stream_that_came_later_begins_anew(cells):
    cells("x = 1")
    first = cells(f"%%stream train\n{DRAW}")
    assert cells("%rng rewind In[4]", f"%%stream train\n{DRAW}") == first


def test_one_may_go_forward_again_and_say_it_by_the_journal_s_number(cells):
    cells("x = 1")
    first, second = cells(DRAW), cells(DRAW)
    assert cells("%rng rewind #1", DRAW) == first
    assert cells("%rng rewind #3", DRAW) == second


def test_the_journal_says_so(cells):
    cells(DRAW, "%rng rewind In[4]")
    assert list(cells.recorder.journal)[-1].note == "rewound to before In[4] (#1)"


@pytest.mark.parametrize("line", ["%rng rewind", "%rng rewind 4", "%rng rewind In[4] --all", "%rng rewind In[99]"])
def test_what_cannot_be_understood_changes_nothing(cells, line):
    cells(DRAW)
    before = bare_states()
    assert isinstance(cells.failing(line), NotebookError)
    assert bare_states() == before


@pytest.mark.parametrize("mark", ["%%isolate", "%%stream train"])
def test_inside_a_block_it_is_refused(cells, mark):
    cells(DRAW)
    before = bare_states()
    error = cells.failing(f"{mark}\n%rng rewind In[4]")
    assert "rewind in a cell of its own" in str(error)
    assert bare_states() == before


def test_a_source_that_is_gone_is_named_and_nothing_is_changed(cells):
    cells("class Box: pass", "box = Box(); box.rng = np.random.default_rng(0)", "%rng watch box", DRAW, "del box", DRAW)
    before = bare_states()
    error = cells.failing("%rng rewind In[7]")
    assert isinstance(error, StateError)
    assert "box.rng: found no such source now" in str(error)
    assert bare_states() == before


def test_it_can_be_passed_over(cells, capsys):
    cells("class Box: pass", "box = Box(); box.rng = np.random.default_rng(0)", "%rng watch box")
    first = cells(DRAW)
    cells(f"%%stream train\n{DRAW}", "del box", "%rng rewind In[7] --partial")
    assert cells(DRAW) == first
    cells(f"%%stream train\n{DRAW}")


def test_a_source_that_came_later_is_named_and_stays(cells, capsys):
    cells(DRAW, "box = [random.Random(1)]", "%rng watch box", "box[0].random()")
    state = cells.shell.user_ns["box"][0].getstate()
    cells("%rng rewind In[4]")
    assert "box[0] came later and stay as they are" in capsys.readouterr().out
    assert cells.shell.user_ns["box"][0].getstate() == state


def test_a_watched_generator_goes_back_too(cells):
    cells("rng = np.random.default_rng(0)", "%rng watch rng")
    first = cells("float(rng.random())")
    assert cells("rng.random()", "%rng rewind In[6]", "float(rng.random())") == first


ACTIONS = st.lists(
    st.sampled_from(
        [
            "random.random()",
            "np.random.standard_normal()",
            "%%isolate\nrandom.random(); torch.rand(3).tolist()",
            "%%stream a\nrandom.random()",
            "%%stream b\nnp.random.rand(); random.gauss(0, 1)",
            "random.seed(4)",
        ]
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ACTIONS, st.data())
def test_from_any_cell_all_later_ones_come_out_the_same(cells, actions, data):
    start = cells.recorder.journal.next_number
    first = [cells(action) for action in actions]
    place = data.draw(st.integers(0, len(actions) - 1))
    cells(f"%rng rewind #{start + place}")
    assert [cells(action) for action in actions[place:]] == first[place:]


def test_python_and_numpy_go_back_with_their_cached_gaussians(cells):
    random.gauss(0, 1)
    np.random.standard_normal()
    cells("x = 1")
    before = bare_states()
    cells("random.gauss(0, 1); np.random.standard_normal()", "%rng rewind In[4]")
    assert bare_states() == before
