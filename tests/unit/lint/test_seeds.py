from __future__ import annotations

import ast
from pathlib import Path

import pytest

from samerun.lint import File, lint_text
from samerun.lint.project import Project
from samerun.lint.seeds import fixed, parts, words

IMPORTS = (
    "import random, time, torch, os\nimport numpy as np\nfrom absent import utils, set_seed\n"
    "def seed_all(first, seed=3):\n    random.seed(seed)\ndef prepare_random(cfg):\n    random.seed(cfg.it)\n"
    "def seed_for_now(seed):\n    state = random.getstate()\n    random.seed(seed)\n    random.setstate(state)\n"
    "def get_seed():\n    return 3\n"
)


def read(text):
    return File.of(f"{IMPORTS}{text}\n".encode(), Path("x.py"), Project())


def seeds(text):
    file = read(text)
    after = [one for one in file.seedings if one.call.lineno > IMPORTS.count("\n")]
    return [(one.value and ast.unparse(one.value), one.everywhere, one.known) for one in after]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("random.seed(x)", ("x", True, True)),
        ("random.seed()", (None, True, True)),
        ("np.random.seed(seed=x)", ("x", True, True)),
        ("np.random.default_rng(x)", ("x", False, True)),
        ("g = torch.Generator()\ng.manual_seed(x)", ("x", False, True)),
        ("g = torch.Generator().manual_seed(x)", ("x", False, True)),
        ("seed_all(1, x)", ("x", True, True)),
        ("seed_all(1)", ("3", True, True)),
        ("seed_all(*y)", (None, True, True)),
        ("prepare_random(y)", ("cfg.it", True, True)),
        ("set_seed(x)", ("x", True, False)),
        ("utils.init_seeds(x)", ("x", True, False)),
        ("env = y\nenv.seed(x)", None),
        ("utils.seed(x)", None),
        ("trainer = y\ntrainer.set_seed(x)", None),
        ("with set_seed(x): pass", None),
        ("seed_for_now(x)", None),
        ("get_seed()", None),
        ("utils.get_seed(x)", None),
    ],
)
def test_calls_that_seed(text, expected):
    assert seeds(text) == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("int(time.time()) % 2", True),
        ("int(time.time() * 1000)", True),
        ("a", True),
        ("c if c else a", True),
        ("time.time().hex()", True),
        ("(3, a)", True),
        ("config.a", False),
        ("made(a)", False),
        ("c", False),
    ],
)
def test_what_a_seed_is_made_of(seed, expected):
    file = read(f"a = b + 1\nb = time.time()\nc = 3\nconfig = load(time.time())\nrandom.seed({seed})")
    value = file.calls("random.seed")[-1].args[0]
    found = [part for part in parts(file, value) if isinstance(part, ast.Call)]
    assert any(file.resolve(call.func) == "time.time" for call in found) is expected


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("3", True),
        ("None", False),
        ("SEED", True),
        ("SEED + 1", True),
        ("str(SEED)", True),
        ("args.seed", True),
        ("args['seed']", True),
        ("args.get('seed')", True),
        ("self.seed", True),
        ("self.moved", False),
        ("self.epoch", False),
        ("index", False),
        ("other", False),
        ("local", True),
        ("drawn", False),
        ("count", False),
        ("moved", False),
        ("made()", False),
        ("args.seed + other", False),
        ("unknown", False),
    ],
)
def test_what_is_the_same_each_time(seed, expected):
    file = read(
        "SEED = 3\ncount = 0\nmoved = 0\nmoved += 1\nclass D:\n"
        "    def __init__(self):\n        self.seed = 3\n        self.moved = 3\n"
        "    def move(self, x):\n        self.moved = x\n"
        f"    def get(self, other):\n        local = SEED * 2\n        drawn = made()\n        random.seed({seed})\n"
        "args = parse()\n"
    )
    call = file.calls("random.seed")[-1]
    assert fixed(file, call.args[0], file.enclosing(call, ast.FunctionDef)) is expected


def test_what_a_loop_changes_is_not_the_same_each_time():
    file = read(
        "seed = 1\nother = 2\nfor x in y:\n    seed += 1\n    args.seed = x\n    f(seed, other, args.seed, args.no)"
    )
    loop = file.nodes(ast.For)[0]
    call = file.nodes(ast.Call)[-1]
    assert [fixed(file, value, loop) for value in call.args] == [False, True, False, False]


def test_words_of_names():
    assert words("localRank") == words("LOCAL_RANK") == {"local", "rank"}
    assert words("frank") == {"frank"}


def test_what_starts_workers_is_the_subject_of_one_rule():
    text = "import numpy as np\nfrom torch.utils.data import DataLoader\nseed = 1\n"
    maker = "def seed_worker(kind):\n    return {'a': lambda worker: np.random.seed(seed + worker)}[kind]\n"
    loader = "DataLoader([1], worker_init_fn=seed_worker('a'), num_workers=2)\n"
    report = lint_text(text + maker + loader, select=["SR007", "SR009"])
    assert [found.code for found in report.findings] == ["SR007"]


def test_a_path_is_named_after_the_number_in_it():
    head = "import numpy as np\nfrom samerun.derive import derive\nfrom somewhere import args, rank, epoch\n"
    (found,) = lint_text(f"{head}np.random.seed(args.seed + epoch)\n", select=["SR009"]).findings
    assert found.fix.edits[0].text == 'derive(args.seed, "epoch", epoch) % 2**32'
    for two in ("rank + epoch", "args.seed * (rank + 1) + epoch"):
        (found,) = lint_text(f"{head}np.random.seed({two})\n", select=["SR009"]).findings
        assert found.fix is None
