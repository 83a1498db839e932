"""What becomes of an order, and the cures of the rules that ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from samerun.lint import Linter, lint_text
from samerun.lint.config import Config
from samerun.lint.fixing import fix
from samerun.lint.intent import about_data
from samerun.lint.order import Fate, fate


def what_becomes(text):
    file = lint_text(f"import os, random\nimport numpy as np\n{text}").file
    return fate(file, file.calls("os.listdir")[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("random.shuffle(os.listdir())", Fate.KEPT),
        ("print(len(os.listdir()))", Fate.LOST),
        ("send(os.listdir())", Fate.UNKNOWN),
        ("x = os.listdir()\nrandom.shuffle(x)", Fate.KEPT),
        ("x = os.listdir()\nx.sort()\nrandom.shuffle(x)", Fate.LOST),
        ("x = sorted(os.listdir())\nrandom.shuffle(x)", Fate.LOST),
        ("x = os.listdir()\nfor i in range(len(x)):\n    rows[i] = x[i]", Fate.KEPT),
        ("x = os.listdir()\nfor i in range(len(x)):\n    print(x[i])", Fate.LOST),
        ("def f():\n    return os.listdir()\nrandom.choice(f())", Fate.KEPT),
        ("def f():\n    return os.listdir()\nprint(f())", Fate.LOST),
        ("def f():\n    return 1, os.listdir()\na, b = f()\nrandom.choice(a)\nlen(b)", Fate.LOST),
        ("def f():\n    return os.listdir(), 1\na, b = f()\nrandom.choice(a)\nlen(b)", Fate.KEPT),
        ("def f(a, *, b):\n    random.choice(b)\nf(1, b=os.listdir())", Fate.KEPT),
        ("def f(a, *, b):\n    random.choice(b)\nf(os.listdir(), b=1)", Fate.LOST),
        ("class A:\n    def __init__(self):\n        self.x = os.listdir()\n        random.choice(self.x)", Fate.KEPT),
        ("class A:\n    def __init__(self):\n        self.x = os.listdir()\n        len(self.x)", Fate.LOST),
        ("x = []\nfor y in os.listdir():\n    x.append(y)\nnp.array(x).dump()", Fate.KEPT),
        ("for y in os.listdir():\n    x = []\n    x.append(y)\n    x.index(y)", Fate.LOST),
        ("for y in tqdm(os.listdir()):\n    random.random()", Fate.KEPT),
        ("x = np.zeros(0)\nfor y in os.listdir():\n    x = np.concatenate((x, y))\nuse(x)", Fate.KEPT),
        ("for y in os.listdir():\n    x = np.concatenate((y, y))\n    use(x)", Fate.LOST),
        ("x = []\nfor _, y in os.listdir():\n    x.extend(sorted(y))\nrandom.shuffle(x)", Fate.LOST),
        ("x = [*os.listdir()]\nrandom.shuffle(x)", Fate.KEPT),
        ("x = {y for y in os.listdir()}\nrandom.choice(x)", Fate.LOST),
        ("if (x := os.listdir()):\n    random.choice(x)", Fate.KEPT),
        ("n = 0\nfor y in os.listdir():\n    index[y] = n\n    n += 1", Fate.KEPT),
        ("for y in os.listdir():\n    index[y] = y", Fate.LOST),
        ("x = os.listdir()\nnp.array([x[i] for i in part]).dump()", Fate.KEPT),
        ("x = os.listdir()\nlen([x[i] for i in part])", Fate.LOST),
        ("x = os.listdir()\nnp.array([x[i] for j in part]).dump()", Fate.UNKNOWN),
        ("x = os.listdir()\nlen(x)\nx = [1]\nrandom.shuffle(x)", Fate.LOST),
        ("x = os.listdir()\nx = list(x)\nrandom.shuffle(x)", Fate.KEPT),
        ("x = os.listdir()\nif y:\n    x = [1]\nrandom.shuffle(x)", Fate.KEPT),
        ("x = [1]\nif y:\n    x = os.listdir()\nrandom.shuffle(x)", Fate.KEPT),
        ("for y in z:\n    x = os.listdir()\nfor y in z:\n    x = [1]\n    random.shuffle(x)", Fate.LOST),
        ("for y in z:\n    x = [1]\n    random.shuffle(x)\n    x = os.listdir()", Fate.LOST),
        ("x = [1]\nfor y in z:\n    random.shuffle(x)\n    x = os.listdir()", Fate.KEPT),
        ("x = [1]\nrandom.shuffle(x)\nx = os.listdir()", Fate.LOST),
        ("x = os.listdir()\nx = [1]\ndef f():\n    random.shuffle(x)", Fate.KEPT),
        ("def f(x):\n    return f(x)\nf(os.listdir())", Fate.LOST),
        ("x = os.listdir()\nx = x\nlen(x)", Fate.LOST),
    ],
)
def test_what_becomes_of_an_order(text, expected):
    assert what_becomes(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import torch.nn", True),
        ("from pandas import DataFrame", True),
        ("import os", False),
        ("from .torch import x", False),
    ],
)
def test_what_is_about_data(text, expected):
    assert about_data(lint_text(text).file) is expected


@pytest.mark.parametrize(
    ("code", "before", "after", "safe"),
    [
        ("SR022", "random.shuffle(os.listdir(d))", "random.shuffle(sorted(os.listdir(d)))", True),
        ("SR022", "for e in os.scandir(d):\n    random.random()", None, True),
        ("SR022", "for e in os.walk(d):\n    random.random()", "for e in os.walk(d):\n    random.random()", True),
        ("SR022", "x = Path().glob(d)\nrandom.sample(x, 2)", "x = Path().glob(d)\nrandom.sample(x, 2)", True),
        ("SR023", "random.shuffle(list(set(d)))", "random.shuffle(sorted(set(d)))", False),
        ("SR023", "random.shuffle(list({'a', f'{d}'}))", "random.shuffle(sorted({'a', f'{d}'}))", True),
        ("SR023", "random.shuffle(tuple(set('ab')))", "random.shuffle(tuple(sorted(set('ab'))))", True),
        (
            "SR023",
            "for c in {'a', 'b'}:\n    random.random()",
            "for c in sorted({'a', 'b'}):\n    random.random()",
            True,
        ),
    ],
)
def test_cures(code, before, after, safe):
    if after is None:
        after = before.replace("os.scandir(d)", "sorted(os.scandir(d), key=lambda entry: entry.name)")
    start = "import os, random, numpy\nfrom pathlib import Path\n"
    linter = Linter((code,))
    report = linter.bytes((start + before).encode(), Path("x.py"), None, Config())
    assert report.findings
    assert fix(report, linter, unsafe=True).after.decode() == start + after
    assert (fix(report, linter).after.decode() == start + after) is safe
