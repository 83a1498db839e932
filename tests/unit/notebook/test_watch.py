"""Private generators, named by expressions."""

from __future__ import annotations

import gc
import random
import weakref

import pytest

from samerun import Stream
from samerun.errors import NotebookError

BOX = "class Box:\n    def __init__(self, seed=0): self.rng = np.random.default_rng(seed)"
DRAW = "float(box.rng.random())"


@pytest.fixture
def boxed(cells):
    cells(BOX, "box = Box()", "%rng watch box")
    return cells


def test_isolated_cells_put_them_back(boxed):
    assert boxed(f"%%isolate\n{DRAW}") == boxed(DRAW)


def test_without_a_watch_they_do_not(cells):
    cells(BOX, "box = Box()")
    assert cells(f"%%isolate\n{DRAW}") != cells(DRAW)


def test_streams_have_their_own_sequence_of_them(boxed):
    outside = boxed(f"%%isolate\n{DRAW}")
    first, second = boxed(f"%%stream a\n{DRAW}"), boxed(f"%%stream a\n{DRAW}")
    assert boxed(DRAW) == outside
    assert len({outside, first, second}) == 3
    boxed.recorder.streams.__init__()
    assert [boxed(f"%%stream a\n{DRAW}"), boxed(f"%%stream a\n{DRAW}")] == [first, second]


def test_another_object_under_the_name_is_watched_instead(boxed):
    boxed("box = Box(5)")
    assert boxed(f"%%isolate\n{DRAW}") == boxed(DRAW)
    boxed("box = Box(6)", DRAW)
    assert [draw.source for draw in list(boxed.recorder.journal)[-1].outside.draws] == ["box.rng"]


def test_one_that_is_gone_is_said_once_and_streams_go_on_without_it(boxed, capsys):
    first = boxed(f"%%stream a\n{DRAW}, random.random()")[1]
    boxed("del box")
    capsys.readouterr()
    second = boxed("%%stream a\nrandom.random()")
    assert capsys.readouterr().err == "samerun: box is not watched any more: NameError: name 'box' is not defined\n"
    boxed("x = 1")
    assert capsys.readouterr().err == ""
    with Stream(0, name="a"):
        assert [first, second] == [random.random(), random.random()]


def test_one_that_is_gone_is_not_kept_alive(boxed):
    alive = weakref.ref(boxed.shell.user_ns["box"])
    boxed("del box", "x = 1")
    gc.collect()
    assert alive() is None


def test_unwatch(boxed):
    boxed(f"%%stream a\n{DRAW}", "%rng unwatch box", "%%stream a\nrandom.random()")
    assert boxed(f"%%isolate\n{DRAW}") != boxed(DRAW)


@pytest.mark.parametrize("expression", ["box", "box.rng", "boxes[0]", "boxes[0].rng", "table['a'].rng"])
def test_names_attributes_and_items_may_be_watched(cells, expression):
    cells(BOX, "box = Box(); boxes = [Box()]; table = {'a': Box()}", f"%rng watch {expression}")
    source = expression if expression.endswith(".rng") else f"{expression}.rng"
    assert list(cells.recorder.watches.sources) == [source]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("missing", "NameError"),
        ("box.missing", "AttributeError"),
        ("Box()", "expected a name"),
        ("boxes[i]", "expected a name"),
        ("box, box", "expected a name"),
        ("box.", "expected a name"),
        ("1", "expected a name"),
        ("random", "no private generator inside"),
        ("number", "no private generator inside"),
        ("system", "SystemRandom"),
        ("python", "another source named 'python'"),
    ],
)
def test_others_are_refused(cells, expression, message):
    cells(
        BOX, "box = Box(); boxes = [box]; i = 0; number = 3; python = random.Random(1); system = random.SystemRandom()"
    )
    error = cells.failing(f"%rng watch {expression}")
    assert isinstance(error, NotebookError)
    assert message in str(error)
    assert cells.recorder.watches.expressions == ()
    assert isinstance(cells.failing(f"%rng unwatch {expression}"), NotebookError)


def test_no_code_of_the_object_is_run(cells):
    cells(
        "class Box:\n    rng = random.Random(1)\n    @property\n    def other(self): random.random(); return 1",
        "box = Box()",
        "%rng watch box",
        "x = 1",
    )
    assert all(not entry.outside.draws or entry.code == "%rng watch box" for entry in cells.recorder.journal)


def test_it_says_what_is_watched(boxed, capsys):
    boxed("%rng watch")
    assert capsys.readouterr().out.splitlines()[-1] == "watched: box.rng"
