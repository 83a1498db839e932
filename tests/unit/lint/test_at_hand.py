from __future__ import annotations

import ast
from pathlib import Path

import pytest

from samerun.lint import File
from samerun.lint.at_hand import seed_at
from samerun.lint.project import Project


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", "0"),
        ("SEED = 3\nf()", "SEED"),
        ("f()\nSEED = 3", "0"),
        ("def g(seed):\n    f()", "seed"),
        ("def g(seed): pass\nf()", "0"),
        ("def seed(): pass\nf()", "0"),
        ("from random import seed\nf()", "0"),
        ("from settings import SEED\nf()", "SEED"),
        ("import random\nrandom.seed(args.seed)\nf()", "0"),
        ("import random\nargs = x\nrandom.seed(args.seed)\nf()", "args.seed"),
        ("import random\nclass CFG:\n    seed = 3\nrandom.seed(CFG.seed)\ndef g():\n    f()", "CFG.seed"),
        ("import random\ndef g(args):\n    random.seed(args.seed)\nargs = x\nf()", "0"),
        ("import random\nx = 3\nrandom.seed(x)\nf()", "0"),
    ],
)
def test_a_seed_is_taken_from_where_the_node_stands(text, expected):
    file = File.of(text.encode(), Path("x.py"), Project())
    call = next(call for call in file.nodes(ast.Call) if isinstance(call.func, ast.Name) and call.func.id == "f")
    assert seed_at(file, call) == expected
