"""What the journal says of each cell, and of what happened between them."""

from __future__ import annotations

import random
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from draws import bare_states
from samerun import capture
from samerun.errors import NotebookError
from samerun.notebook.draws import Draw, Span
from samerun.notebook.entry import Entry
from samerun.notebook.journal import Journal
from samerun.notebook.states import Kept, read
from samerun.rng.registry import global_sources


def last(cells):
    return list(cells.recorder.journal)[-1]


def words(draws):
    return [str(draw) for draw in draws]


def test_it_draws_nothing_and_changes_nothing(cells):
    before = bare_states()
    cells("x = 1", "%rng", "%rng journal", "y = 2")
    assert bare_states() == before


@pytest.mark.parametrize(
    ("cell", "drawn"),
    [
        ("x = 1", []),
        ("random.random()", ["python 2"]),
        ("random.random(); np.random.rand(3); torch.rand(5)", ["numpy 6", "python 2", "torch.cpu 5"]),
        ("random.seed(5)", ["python set anew"]),
        ("torch.rand(1_000_000);", ["torch.cpu 1,000,000"]),
        ("random.seed(1)", []),
        ("s = random.getstate(); random.random(); random.setstate(s)", []),
    ],
)
def test_each_cell_has_what_it_drew(cells, cell, drawn):
    cells(cell)
    assert words(last(cells).outside.draws) == drawn


def test_exactly_one_block_of_draws_is_not_overlooked(cells):
    cells("for _ in range(312): random.random()")  # 624 words: Python's position is what it was
    assert words(last(cells).outside.draws) == ["python 624"]


def test_it_has_the_states_before_and_after(cells):
    before = capture()
    cells("random.random(), np.random.rand(), torch.rand(1)")
    entry = last(cells)
    assert Kept(entry.outside.before) == before
    assert Kept(entry.outside.after) == capture()
    assert (entry.name, entry.number, entry.title) == ("In[4]", 1, "random.random(), np.random.rand(), torch.rand(1)")


def test_a_block_s_draws_stand_apart(cells):
    cells("%%isolate\nrandom.random()")
    (block,) = last(cells).blocks
    assert (block.label, words(block.draws), last(cells).outside.draws) == ("isolate", ["python 2"], ())
    cells("%%stream train\ntorch.rand(3)")
    (block,) = last(cells).blocks
    assert (block.label, words(block.draws), last(cells).outside.draws) == ("train", ["torch.cpu 3"], ())


def test_failing_and_interrupted_cells_are_in_it(cells):
    cells.failing("random.random(); 1 / 0")
    assert words(last(cells).outside.draws) == ["python 2"]
    cells.failing("random.random(); raise KeyboardInterrupt")
    assert words(last(cells).outside.draws) == ["python 2"]
    cells.failing("this is no code")
    assert last(cells).name == "In[6]"


def test_cells_in_cells_are_part_of_them(cells):
    cells("for _ in range(3): get_ipython().run_cell('random.random()')")
    assert [entry.name for entry in cells.recorder.journal] == ["In[4]"]
    assert words(last(cells).outside.draws) == ["python 6"]


def test_draws_of_threads_between_cells_are_blamed_on_none(cells):
    cells("x = 1")
    thread = threading.Thread(target=random.random)
    thread.start()
    thread.join()
    cells("y = 2", "z = 3")
    first, second, third = cells.recorder.journal
    assert all(entry.outside.draws == () for entry in (first, second, third))
    assert words(cells.recorder.journal.between(second).draws) == ["python 2"]
    assert cells.recorder.journal.between(first) is None
    assert cells.recorder.journal.between(third) is None


def test_silent_cells_count_as_between(cells):
    cells("x = 1")
    cells.shell.run_cell("random.random()", silent=True)
    cells("y = 2")
    assert words(cells.recorder.journal.between(last(cells)).draws) == ["python 2"]


def test_a_new_source_is_new_and_not_drawn_from(cells):
    cells("class Box: pass", "box = Box(); box.rng = random.Random(1)", "%rng watch box")
    assert words(last(cells).outside.draws) == ["box.rng new"]


def test_a_cell_that_ended_without_saying_so_does_not_swallow_the_next_ones(cells):
    def forget(result):
        cells.shell.events.unregister("post_run_cell", forget)
        raise BaseException  # as an interrupt between two lines of IPython does

    expected = cells("%%isolate\nrandom.random()")
    cells.recorder.journal.__init__()
    cells.shell.events.callbacks["post_run_cell"].insert(0, forget)
    with pytest.raises(BaseException):  # noqa: B017
        cells("%%isolate\nrandom.random()")
    assert cells("random.random()") == expected
    assert [entry.code for entry in cells.recorder.journal] == ["random.random()"]


def entry(number: int, state, after=None, count=0) -> Entry:
    return Entry(number, 1, count or number, f"cell {number}", Span("", state, after or state))


def test_only_the_newest_are_kept():
    state = read(global_sources().values(), {})
    journal = Journal(kept=3)
    for number in range(1, 8):
        journal.append(entry(number, state))
    assert [found.number for found in journal] == [5, 6, 7]
    with pytest.raises(NotebookError, match=r"the newest 3 cells: In\[5\] \(#5\) to In\[7\] \(#7\)"):
        journal.find("In[4]")
    assert journal.between(journal.find("In[5]")) is None


def test_ten_thousand_cells_take_no_more_memory_than_are_kept():
    journal = Journal()
    known = read(global_sources().values(), {})
    for number in range(1, 10_001):
        if number % 100 == 0:
            random.random()
        after = read(global_sources().values(), known) if number % 100 == 0 else known
        journal.append(entry(number, known, after))
        known = after
    assert len(journal) == 1000
    states = {id(packed) for found in journal for packed in found.outside.after.values()}
    assert len(states) < 15  # those that moved, and no copies of the others


@pytest.mark.parametrize("cell", ["In[2]", " In [ 2 ] ", "#2", "# 2"])
def test_an_entry_is_found_by_either_number(cell):
    state = read(global_sources().values(), {})
    journal = Journal()
    for number in range(1, 4):
        journal.append(entry(number, state))
    assert journal.find(cell).number == 2


def test_of_two_with_one_number_the_newest_is_found():
    journal = Journal()
    for number in (1, 2, 3):
        journal.append(entry(number, {}, count=5))
    assert journal.find("In[5]").number == 3
    assert journal.find("#1").number == 1


@pytest.mark.parametrize("cell", ["", "In[]", "In[x]", "Out[2]", "In[-1]", "2", "In[2] In[3]"])
def test_other_words_are_refused(cell):
    with pytest.raises(NotebookError, match=r"expected a cell such as In\[12\]"):
        Journal().find(cell)
    with pytest.raises(NotebookError, match="no entries yet"):
        Journal().find("In[2]")


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=8))
def test_the_draws_of_all_cells_add_up(counts):
    generator = random.Random(7)
    (source,) = [s for s in global_sources().values() if s.name == "python"]
    source = type(source)("python", generator)
    states = [read([source], {})]
    for count in counts:
        for _ in range(count):
            generator.getrandbits(32)
        states.append(read([source], states[-1]))
    drawn = [Span("", a, b).draws for a, b in pairwise(states)]
    assert [draws[0].count if draws else 0 for draws in drawn] == counts
    total = Span("", states[0], states[-1]).draws
    assert (total[0].count if total else 0) == sum(counts)


def test_amounts_in_words():
    assert str(Draw("python", "drew", 1234)) == "python 1,234"
    assert str(Draw("rng", "drew")) == "rng ?"
