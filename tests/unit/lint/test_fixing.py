from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from samerun.lint import File, Finding, Fix, Linter, fixing, lint_text
from samerun.lint.config import Config
from samerun.lint.fixing import difference, fix
from samerun.lint.project import Project

LINTER = Linter(("SR001", "SR002"))


def fixed(data, path="x.py", linter=LINTER, unsafe=False):
    return fix(linter.bytes(data, Path(path), None, Config()), linter, unsafe=unsafe)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b"import torch\r\ntorch . cuda.manual_seed( 0 )  # \xc3\xa9\r\n",
            b"import torch\r\ntorch . cuda.manual_seed_all( 0 )  # \xc3\xa9\r\n",
        ),
        (
            b"# coding: latin-1\nimport torch\nx = '\xe9'; torch.cuda.manual_seed(0)",
            b"# coding: latin-1\nimport torch\nx = '\xe9'; torch.cuda.manual_seed_all(0)",
        ),
        (
            b"\xef\xbb\xbfimport torch\n\x0ctorch.cuda.manual_seed(0)\n",
            b"\xef\xbb\xbfimport torch\n\x0ctorch.cuda.manual_seed_all(0)\n",
        ),
    ],
)
def test_nothing_else_changes(before, after):
    found = fixed(before)
    assert found.after == after
    assert len(found.applied) == 1
    assert found.report.findings == ()


def test_unsafe_cures_are_for_those_who_ask():
    before = b"import random\nimport torch\n\nif x:\n\ttorch.manual_seed(seed)  # mine\nrandom.random()\n"
    after = before.replace(b"# mine\n", b"# mine\n\trandom.seed(seed)\n")
    assert fixed(before).after == before
    assert fixed(before, unsafe=True).after == after
    assert "+\trandom.seed(seed)\n" in difference(fixed(before, unsafe=True))


class _Planted(Linter):
    """A linter whose only rule is planted."""

    def bytes(self, data, path, project=None, config=None):
        report = Linter.bytes(self, data, path, project, Config())
        return type(report)(report.path, tuple(self.check(report.file)), report.file, data)

    def check(self, file):
        yield from ()


def planted(check):
    return type("Planted", (_Planted,), {"check": lambda self, file: check(file)})()


def test_a_cure_that_breaks_the_file_is_dropped_and_said_and_the_others_are_applied():
    def check(file):
        for node in file.nodes(ast.Name):
            if node.id in ("a", "b"):
                edit = file.replace(node, {"a": "(", "b": "c"}[node.id])
                yield Finding("X", "m", file.range(node), Fix((edit,), True, ""))

    found = fixed(b"a\nb\n", linter=planted(check))
    assert found.after == b"a\nc\n"
    assert [finding.range.line for finding in found.dropped] == [1]


def test_cures_that_undo_each_other_come_to_an_end():
    def check(file):
        for node in file.nodes(ast.Name):
            yield Finding("X", "m", file.range(node), Fix((file.replace(node, node.id[::-1]),), True, ""))

    found = fixed(b"ab\n", linter=planted(check))
    assert len(found.applied) == fixing._MOST_ROUNDS


def test_overlapping_edits_are_applied_one_after_the_other():
    def check(file):
        for call in file.nodes(ast.Call):
            if call.func.id == "f" and not call.keywords:
                yield Finding("X", "m", file.range(call), Fix((file.add_argument(call, "k=1"),), True, ""))

    assert fixed(b"f(f(), f(1,),)\n", linter=planted(check)).after == b"f(f(k=1), f(1, k=1,), k=1,)\n"


def notebook(cells, **style):
    outputs = [{"text": ["manual_seed\n"], "t": "\u00e9"}]
    rest = {"metadata": {"b": 1, "a": 2}, "cell_type": "code"}
    listed = [{"outputs": outputs, "source": source, **rest} for source in cells]
    content = {"nbformat": 4, "cells": listed, "metadata": {}}
    return json.dumps(content, **style).encode()


@pytest.mark.parametrize("style", [{"indent": 1}, {"indent": 4, "ensure_ascii": False}, {}, {"separators": (",", ":")}])
@pytest.mark.parametrize("as_list", [False, True])
def test_of_a_notebook_only_the_source_changes(style, as_list):
    texts = ["%pip install x\nimport torch\n", "s = '\u00e9 \u00a0'; torch.cuda.manual_seed(1)\n\nx", "y = 1"]
    before = notebook([text.splitlines(keepends=True) if as_list else text for text in texts], **style) + b"\n"
    found = fixed(before, "x.ipynb")
    assert found.after == before.replace(b"cuda.manual_seed(", b"cuda.manual_seed_all(")
    assert found.after != before


def test_notebooks_of_older_formats():
    cell = {"cell_type": "code", "input": ["import torch\n", "torch.cuda.manual_seed(1)"], "prompt_number": 3}
    before = json.dumps(
        {"worksheets": [{"cells": [{"cell_type": "markdown", "source": "x"}, cell]}], "nbformat": 3}
    ).encode()
    report = LINTER.bytes(before, Path("x.ipynb"), None, Config())
    assert report.file.notebook.cells[0].execution_count == 3
    assert [(one.range.cell, one.range.line) for one in report.findings] == [(2, 2)]
    assert fixed(before, "x.ipynb").after == before.replace(b"manual_seed(", b"manual_seed_all(")


def test_a_line_with_a_magic_is_left_alone():
    before = notebook(["import torch", "%time torch.cuda.manual_seed(1)"])
    found = fixed(before, "x.ipynb")
    assert found.after == before
    assert len(found.report.findings) == len(found.dropped) == 1


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("for x in y:\n    !ls {x} \\\n    -l\n    z", "for x in y:\n    pass\n    pass\n    z"),
        ("x = !ls\ny = %pwd\nz = 7 % 3", "x = ...\ny = ...\nz = 7 % 3"),
        ("x?\nx.y??\n?z", "pass\npass\npass"),
        ("%%bash\nrm x\nls", "\n\n"),
        ("# first\n%%time\nx = 1", "# first\npass\nx = 1"),
        ("%time x = f()\n%timeit -n 3 g()", "pass; x = f()\npass;         g()"),
        ("x = '''\n%y\n'''", "x = '''\n%y\n'''"),
        ("await x", "await x"),
    ],
)
def test_magics_become_harmless(cell, code):
    found = File.of(notebook([cell, "z = 0"]), Path("x.ipynb"), Project())
    assert found.notebook.cells[0].problem is None
    assert found.text.split("\nz = 0")[0].replace(" ", "") == code.replace(" ", "")
    assert found.text.count("\n") == cell.count("\n") + 1


def test_a_broken_cell_is_named_and_the_others_are_read():
    report = LINTER.bytes(
        notebook(["import torch", "x = (", "torch.cuda.manual_seed(1)"]), Path("x.ipynb"), None, Config()
    )
    assert [(one.code, one.range.cell) for one in report.findings] == [("SR000", 2), ("SR002", 3)]


def test_a_cure_that_breaks_a_cell_is_dropped():
    def check(file):
        for node in file.nodes(ast.Name):
            yield Finding("X", "m", file.range(node), Fix((file.replace(node, "("),), True, ""))

    before = notebook(["1", "a"])
    found = fixed(before, "x.ipynb", linter=planted(check))
    assert found.after == before
    assert len(found.dropped) == 1


@pytest.mark.parametrize("maker", ["np.random.default_rng()", "torch.Generator()"])
def test_generators_of_a_loop_are_not_made_alike(maker):
    head = "import numpy as np\nimport torch\n"
    for inside in (
        f"all_of_them = [use(generator={maker}) for _ in range(3)]\n",
        f"for _ in x:\n    use(generator={maker})\n",
    ):
        (found,) = lint_text(head + inside, select=["SR019"]).findings
        assert found.fix is None
    (found,) = lint_text(f"{head}use(generator={maker})\n", select=["SR019"]).findings
    assert found.fix is not None


def test_a_seed_that_another_call_has_set_gets_no_cure_that_sets_it_again():
    one = "import torch\ntorch.cuda.manual_seed(0)\n"
    (found,) = lint_text(one, select=["SR002"]).findings
    assert found.fix is not None
    (found,) = lint_text(f"{one}torch.manual_seed(0)\n", select=["SR002"], pedantic=True).findings
    assert (found.pedantic, found.fix) == (True, None)
