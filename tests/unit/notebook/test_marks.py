"""How cells are marked, as pure functions of their lines."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samerun.notebook.marks import marked

ISOLATE = "get_ipython().run_line_magic('isolate', '')\n"
TRAIN = "get_ipython().run_line_magic('stream', 'train')\n"
TIMED = "get_ipython().run_cell_magic('time', '', 'x\\n')\n"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%%isolate\nx\n", f"{ISOLATE}x\n"),
        ("%%stream train\nx\n", f"{TRAIN}x\n"),
        ("%%stream   train  \n", TRAIN),
        ("%%stream train --seed 3\n", "get_ipython().run_line_magic('stream', 'train --seed 3')\n"),
        ("# samerun: train\nx\n", f"{TRAIN}x\n"),
        ("#samerun:train\n", TRAIN),
        ("# samerun: isolate\nx\n", f"{ISOLATE}x\n"),
        ("# about\n\n# samerun: train\n# more\nx\n", f"# about\n\n{TRAIN}# more\nx\n"),
        ("%%isolate\n%%stream train\nx\n", f"{ISOLATE}{TRAIN}x\n"),
        ("%%isolate\n%%time\nx\n", f"{ISOLATE}{TIMED}"),
    ],
)
def test_a_mark_becomes_a_call_in_its_place(cell, expected):
    assert "".join(marked(cell.splitlines(keepends=True))) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "\n",
        "x = 1\n",
        "# a comment\n",
        "x = 1\n# samerun: train\n",
        "x = '''\n%%isolate\n'''\n",
        "%%isolate?\n",
        "%%isolated\nx\n",
        "%%streams a\n",
        "%%time\n%%isolate\n",
        "# comment\n%%time\nx\n",
        "# samerun: see the documentation\nx\n",
        "# samerun:\nx\n",
        "    # samerun: train\n",
        "%isolate\n",
    ],
)
def test_other_cells_stay_as_they_are(cell):
    lines = cell.splitlines(keepends=True)
    assert marked(lines) == lines


@given(
    st.lists(st.sampled_from(["%%isolate\n", "# samerun: a\n", "# b\n", "\n", "x = 1\n", "%stream c\n"]), max_size=8)
)
def test_the_number_of_lines_is_the_same_and_twice_is_once(lines):
    once = marked(lines)
    assert len(once) == len(lines)
    assert marked(once) == once


def test_a_name_cannot_become_code():
    (line,) = marked(["%%stream ');import os;('\n"])
    (call,) = ast.parse(line).body
    assert ast.literal_eval(call.value.args[1]) == "');import os;('"
