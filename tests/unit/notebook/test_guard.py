"""A training that other cells cannot disturb."""

from __future__ import annotations

import random

import pytest

from draws import bare_states
from samerun.errors import NotebookError
from samerun.notebook import load_ipython_extension, unload_ipython_extension

DRAW = "random.random(), float(np.random.rand()), torch.rand(1).item()"
TRAIN = f"# samerun: train\n{DRAW}"


def undisturbed(cells):
    """Return what a training of three cells draws by itself, from the states of now."""
    return cells(f"%%isolate\n[({DRAW}) for _ in range(3)]")


def test_a_guarded_training_is_what_it_is_without_other_cells(cells):
    expected = undisturbed(cells)
    cells("%rng guard train")
    found = [cells(TRAIN), cells(DRAW, "torch.manual_seed(0)", TRAIN), cells(DRAW, f"%%stream train\n{DRAW}")]
    assert found == expected


def test_without_a_guard_it_is_another(cells):
    expected = undisturbed(cells)
    assert [cells(DRAW), cells("random.random()", DRAW), cells(DRAW)] != expected


def test_an_unmarked_cell_that_draws_gets_its_own_continuation_and_one_line(cells, capsys):
    cells("%rng guard train")
    capsys.readouterr()
    first, second = cells("random.random()"), cells("random.random()")
    assert first != second
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("samerun: In[5] drew from python, and is not marked as part of 'train'")
    assert '"# samerun: train"' in lines[0]


@pytest.mark.parametrize("cell", ["x = 1", TRAIN, f"%%isolate\n{DRAW}", f"%%stream other\n{DRAW}", "%rng"])
def test_cells_that_disturb_nothing_get_no_line(cells, capsys, cell):
    cells("%rng guard train")
    capsys.readouterr()
    cells(cell)
    assert capsys.readouterr().err == ""


def test_as_an_error(cells):
    expected = undisturbed(cells)
    cells("%rng guard train --error", TRAIN)
    error = cells.failing(DRAW)
    assert isinstance(error, NotebookError)
    assert "In[7]: drew from python, numpy, torch.cpu" in str(error)
    assert cells(TRAIN) == expected[1]
    cells("x = 1", f"%%isolate\n{DRAW}")


def test_a_cell_s_own_error_is_not_replaced(cells, capsys):
    cells("%rng guard train --error")
    assert isinstance(cells.failing("random.random(); 1 / 0"), ZeroDivisionError)
    assert "In[5] drew from python" in capsys.readouterr().err


def test_a_stream_that_was_there_is_guarded_as_it_is(cells):
    first = cells(f"%%stream train --seed 3\n{DRAW}")
    outside = bare_states()
    cells("%rng guard train")
    second = cells(TRAIN)
    cells.recorder.streams.__init__()
    cells("%rng guard --off")
    assert cells(f"%%stream train --seed 3\n{DRAW}") == first
    assert cells(f"%%stream train --seed 3\n{DRAW}") == second
    assert bare_states() == outside


def test_when_it_ends_the_generators_are_where_the_training_is(cells):
    expected = undisturbed(cells)
    cells("%rng guard train", TRAIN, DRAW, "%rng guard --off")
    assert cells(DRAW) == expected[1]
    assert "train" not in cells.recorder.streams


def test_a_training_of_an_earlier_kernel_is_guarded_again(cells, tmp_path):
    expected = undisturbed(cells)
    cells(f"%rng journal --file {tmp_path / 'journal'}", "%rng guard train", TRAIN, DRAW, TRAIN)  # the last is In[9]
    unload_ipython_extension(cells.shell)
    load_ipython_extension(cells.shell)
    cells("random.seed(5)", f"%rng journal --file {tmp_path / 'journal'}", "%rng rewind In[9]", "%rng guard train")
    assert cells(DRAW, TRAIN) == expected[1]
    cells("%rng guard --off")
    assert cells(DRAW) == expected[2]


def test_a_rewind_goes_back_in_the_training_too(cells):
    cells("%rng guard train", TRAIN)
    second = cells(TRAIN)
    assert cells(TRAIN, "%rng rewind In[6]", TRAIN) == second


def test_a_rewind_to_before_the_guard_begins_it_there(cells):
    expected = undisturbed(cells)
    cells("x = 1", "%rng guard train", TRAIN, "%rng rewind In[5]")
    assert cells(TRAIN) == expected[0]


def test_watched_generators_are_guarded_too(cells):
    cells("rng = np.random.default_rng(0)", "%rng watch rng")
    expected = cells("%%isolate\n[float(rng.random()) for _ in range(2)]")
    cells("%rng guard train")
    draw = "# samerun: train\nfloat(rng.random())"
    assert [cells(draw), cells("rng.random()", draw)] == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%rng guard other", "'train' is guarded"),
        ("%%isolate\n%rng guard train", "in a cell of its own"),
        ("%%stream train\n%rng guard --off", "in a cell of its own"),
        ("%%stream train --seed 4\nrandom.random()", "began from the generators as its guard found them"),
        ("%rng guard train --strict", "unrecognized arguments"),
    ],
)
def test_what_would_lose_a_sequence_is_refused(cells, line, message):
    cells("%rng guard train", TRAIN)
    before = bare_states()
    assert message in str(cells.failing(line))
    assert bare_states() == before
    assert cells.recorder.guard.name == "train"


def test_it_says_what_is_guarded(cells, capsys):
    cells("%rng guard", "%rng guard --off", "%rng guard train", "%rng guard")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["nothing is guarded"] * 2
    assert lines[2] == lines[3]


def test_unloading_leaves_the_generators_where_the_training_is(cells):
    expected = undisturbed(cells)
    cells("import samerun", "%rng guard train", TRAIN, DRAW)
    cells("get_ipython().extension_manager.loaded.add('samerun')", "%unload_ext samerun")
    assert (random.random(),) == expected[1][:1]
