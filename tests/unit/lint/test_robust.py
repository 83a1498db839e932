"""Whatever is read, there is a report and never a traceback."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from samerun.lint import check, formats, source
from samerun.lint.check import lint_bytes
from samerun.lint.fixing import fix

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path
    for folder in ("src/samerun/lint", "tests/lint_cases", "examples", "tests/gallery")
    for path in (ROOT / folder).rglob("*.py")
)
NOTEBOOKS = sorted([*(ROOT / "tests/lint_cases").rglob("*.ipynb"), *(ROOT / "examples").rglob("*.ipynb")])


def mutated(text, draws):
    lines = text.splitlines(keepends=True) or [""]
    for _ in range(draws.choice((1, 1, 2, 4))):
        one, other = draws.randrange(len(lines)), draws.randrange(len(lines))
        change = draws.choice(("delete", "double", "swap", "move", "indent", "cut"))
        if change == "delete" and len(lines) > 1:
            del lines[one]
        elif change == "double":
            lines.insert(other, lines[one])
        elif change == "swap":
            lines[one], lines[other] = lines[other], lines[one]
        elif change == "move":
            lines.insert(draws.randrange(len(lines)), lines.pop(one))
        elif change == "indent":
            lines[one] = draws.choice(("    ", "\t", "\f")) + lines[one].lstrip()
        else:
            lines[one] = lines[one][: draws.randrange(len(lines[one]) + 1)]
    return "".join(lines)


@pytest.mark.parametrize("seed", range(12))
def test_mutated_sources_are_reported_on(seed):
    draws = random.Random(seed)
    parsed = 0
    for path in draws.sample(SOURCES, 24):
        report = lint_bytes(mutated(path.read_text(), draws).encode(), str(path.with_name("mutated.py")), pedantic=True)
        parsed += report.readable
        for finding in report.findings:
            assert finding.message
            assert 1 <= finding.range.line <= finding.range.end_line
    assert parsed, "no mutant was Python, so nothing was tried"


@pytest.mark.parametrize("seed", range(6))
def test_mutated_notebooks_are_reported_on(seed):
    draws = random.Random(seed)
    for path in draws.sample(NOTEBOOKS, min(len(NOTEBOOKS), 6)):
        content = json.loads(path.read_text())
        for cell in content["cells"]:
            if cell["cell_type"] == "code" and draws.random() < 0.7:
                cell["source"] = mutated("".join(cell["source"]), draws)
        assert lint_bytes(json.dumps(content).encode(), "mutated.ipynb", pedantic=True).file is not None
        whole = path.read_text()
        lint_bytes(whole[: draws.randrange(len(whole))].encode(), "cut.ipynb")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"def f(:\n", "is no Python that can be read"),
        (b"x = 1\0\n", "is no Python that can be read"),
        (b"# coding: klingon\n", "unknown encoding"),
        (b"# coding: rot13\n", "cannot be read"),
        (b"x = '\xff'\n", "cannot be read"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "cannot be read"),
        ("x = '\ud800'".encode("utf-8", "surrogatepass"), "cannot be read"),
        (b"(" * 5000, ""),
        (b"x = " + b"-" * 100_000 + b"1", ""),
        (b"x = " + b"+".join([b"1"] * 20_000), ""),
        (b"if x:\n" + b"".join(b" " * n + b"if x:\n" for n in range(1, 200)), ""),
    ],
)
def test_what_cannot_be_read_is_named(data, reason):
    report = lint_bytes(data)
    assert [finding.code for finding in report.findings] == ["SR000"]
    assert reason in report.findings[0].message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbfx = 1\n",
        b"# coding: latin-1\nx = '\xff'\n",
        b"x = 1\r\ny = 2\r\n",
        b"\fx = 1\n\f\ny = 2",
        b"x = 1\ry = 2\r",
        b"x = '\\d'\n",  # it warns when it is compiled
        b"x" + b".a" * 200 + b"()\n",
    ],
)
def test_odd_files_are_read(data):
    assert lint_bytes(data).findings == ()


def test_a_file_that_is_too_large_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "LARGEST", 10)
    path = tmp_path / "large.py"
    path.write_bytes(b"#" * 10)
    assert next(check.Linter().paths([path])).findings == ()
    path.write_bytes(b"#" * 11)
    assert "is larger than 10 bytes" in next(check.Linter().paths([path])).findings[0].message


def test_a_link_to_nothing_is_named(tmp_path):
    (tmp_path / "link.py").symlink_to(tmp_path / "nothing")
    assert "No such file" in next(check.Linter().paths([tmp_path])).findings[0].message


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"cells": 3}', '{"cells": [' * 3000, "[" * 100_000])
def test_what_is_no_notebook_is_named(content):
    report = lint_bytes(content.encode(), "x.ipynb")
    assert [finding.code for finding in report.findings] == ["SR000"]


def test_names_that_lead_in_circles(tmp_path):
    (tmp_path / "a.py").write_text("from b import *\nfrom b import f as f\ng = h\nh = g\ng()\nf()\n")
    (tmp_path / "b.py").write_text(
        "from a import *\nfrom a import f\nf()\nclass A(B):\n    x = 1\nclass B(A):\n    pass\nA().y()\n"
    )
    assert [report.findings for report in check.Linter().paths([tmp_path])] == [(), ()]


BAD = "import torch\ntorch.cuda.manual_seed(0)"
NOTEBOOK = {
    "nbformat": 4,
    "metadata": {"kernelspec": {"language": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": "# x"},
        {"cell_type": "code", "source": ["import torch\n", "torch.cuda.manual_seed(0)"], "metadata": {"tags": ["a"]}},
        {"cell_type": "code", "source": "torch.cuda.manual_seed(1)\n(", "outputs": [{"text": "x"}]},
    ],
}
SHEETS = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": NOTEBOOK["cells"][1]["source"]}]}]}
ODD = [
    None,
    True,
    -1,
    1e400,
    "",
    "x",
    "\ud800",
    [],
    {},
    [None],
    [[]],
    {"a": 1},
    ["a", 3, None],
    "a\r\nb\rc",
    f"{BAD}\rd",
]


def with_something_else(content, draws):
    """Return a notebook in which some value, at whatever depth, is another one, or is not there."""
    content = json.loads(json.dumps(content))
    holder = content
    while True:
        key = draws.choice([*holder] if isinstance(holder, dict) else range(len(holder)))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or draws.random() < 0.2:
            break
        holder = inner
    if isinstance(holder, dict) and draws.random() < 0.2:
        del holder[key]
    else:
        holder[key] = draws.choice(ODD)
    return content


@pytest.mark.parametrize("seed", range(8))
def test_notebooks_that_hold_what_they_should_not_are_reported_on_and_cured(seed):
    draws = random.Random(seed)
    linter, cured = check.Linter(pedantic=True), 0
    for _ in range(40):
        content = draws.choice((NOTEBOOK, SHEETS))
        for _ in range(draws.choice((1, 1, 2, 3))):
            content = with_something_else(content, draws) if content else content
        data = json.dumps(content, indent=draws.choice((None, 1)), ensure_ascii=draws.random() < 0.5)
        report = linter.bytes(data.encode(errors="surrogatepass"), Path("x.ipynb"))
        for name in formats.names():
            assert formats.find(name).write([report]) or not report.findings
        fixed = fix(report, linter, unsafe=True)
        cured += bool(fixed.applied)
        assert not fixed.applied or json.loads(fixed.after) != json.loads(fixed.before)
    assert cured, "no notebook had anything to cure, so nothing was tried"


def test_cells_whose_lines_end_in_the_old_way():
    content = {"cells": [{"cell_type": "code", "source": f"{BAD}\n".replace("\n", "\r")}]}
    report = check.Linter().bytes(json.dumps(content).encode(), Path("x.ipynb"))
    assert "2 | torch.cuda.manual_seed(0)\n" in formats.find("text").write([report])
    (cell,) = json.loads(fix(report, check.Linter()).after)["cells"]
    assert cell["source"] == "import torch\rtorch.cuda.manual_seed_all(0)\r"
