"""Large files take time in proportion to their lines, whatever stands in them."""

from __future__ import annotations

import ast
import time
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


def seconds(part, count):
    text = HEAD + "".join(part.format(n=n) for n in range(count))
    taken = []
    for _ in range(3):
        start = time.process_time()
        assert lint_text(text, pedantic=True).readable
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_the_time_grows_with_the_lines_and_not_with_their_square(part):
    assert seconds(part, 800) < 10 * seconds(part, 200)  # 4 times the lines; 16 times where it is the square


def test_the_text_of_a_node_is_what_python_says_it_is():
    text = 'x = "é"; y = [1,\r\n\tf("é", 2),  # é\r\n]\r\nif x:\r\n\tz = """a\r\né"""\r\n'
    file = File.of(text.encode(), Path("x.py"), Project())
    nodes = [node for node in ast.walk(file.tree) if hasattr(node, "lineno")]
    assert len(nodes) > 10
    for node in nodes:
        assert file.segment(node) == ast.get_source_segment(text, node)
