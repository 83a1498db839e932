"""Large files take work in proportion to their lines, whatever stands in them."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

from samerun.lint import File, lint_text
from samerun.lint.project import Project

HEAD = "import os\nimport numpy as np\nimport torch\nfrom torch.utils.data import DataLoader\n"
PARTS = {
    "generators and sets": """\
def f{n}(a):
    r = np.random.default_rng()
    for x in set(a):
        print(x)
    return r.random()
""",
    "checkpoints": """\
def g{n}(model, opt, sched, loader):
    for epoch in range(3):
        for x in loader:
            loss = model(x).sum()
            loss.backward()
            opt.step()
        sched.step()
        torch.save({{"model": model.state_dict(), "opt": opt.state_dict()}}, "x")
""",
}


def work(part, count):
    """Return how many functions are called and left, as far as Python tells, for a file of so many parts."""
    text = HEAD + "".join(part.format(n=n) for n in range(count))
    lint_text(HEAD, pedantic=True)  # the first time, rules are imported
    done = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: done.update(calls=1))
    try:
        report = lint_text(text, pedantic=True)
    finally:
        sys.setprofile(before)
    assert report.readable
    return done["calls"]


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_the_work_grows_with_the_lines_and_not_with_their_square(part):
    assert work(part, 160) < 6 * work(part, 40)  # 4 times the lines; 16 times where it is the square


def test_the_text_of_a_node_is_what_python_says_it_is():
    text = 'x = "é"; y = [1,\r\n\tf("é", 2),  # é\r\n]\r\nif x:\r\n\tz = """a\r\né"""\r\n'
    file = File.of(text.encode(), Path("x.py"), Project())
    nodes = [node for node in ast.walk(file.tree) if hasattr(node, "lineno")]
    assert len(nodes) > 10
    for node in nodes:
        assert file.segment(node) == ast.get_source_segment(text, node)
