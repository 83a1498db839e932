from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from runs import record
from samerun.divergence.sources import changed_line, changed_since, drawn_before, hash_lines
from samerun.tracing.reader import Trace
from samerun.tracing.sites import Site


@pytest.fixture
def traced(tmp_path):
    """Return a function that makes a trace whose script and module have some text."""
    made = []

    def trace(script, module="", digest=None):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        told = []
        for name, text in (("train.py", script), ("model.py", module)):
            (folder / name).write_text(text)
            found = digest or hashlib.sha256(text.encode()).hexdigest()
            told.append({"path": str(folder / name), "digest": found})
        meta = {"source": told[0], "modules": {"model": told[1]}}
        made.append(Trace(record(folder / "A.trace", steps=range(1), meta=meta)))
        return made[-1]

    yield trace
    for trace_file in made:
        trace_file.close()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("for name in set(names): pass", [1]),
        ("for name in sorted(set(names)): pass", []),
        ("chosen = {'a', 'b'}\nfirst = list(chosen)\nsize = len(chosen)", [2]),
        ("ids = {name: at for at, name in enumerate({n for n in names})}", [1]),
        ("both = [*set(a).union(b)]", [1]),
        ("import random\nrandom.seed(hash('name'))", [2]),
        ("found = 'a' in {'a', 'b'}\nfor name in names: pass", []),
        ("def broken(", []),
    ],
)
def test_lines_that_use_hashes_or_the_order_of_a_set(traced, text, lines):
    assert [site.line for site in hash_lines(traced(text))] == lines


def test_lines_of_modules_count_too(traced):
    (site,) = hash_lines(traced("import model", "\nkinds = list({1, 2})\n"))
    assert (site.file.endswith("model.py"), site.line) == (True, 2)


def test_code_that_was_changed_since_is_not_looked_at(traced):
    trace = traced("list({1, 2})", digest="of something else")
    assert hash_lines(trace) is None
    assert changed_line(trace, traced("list({1, 2, 3})")) is None


def test_the_first_changed_line_is_named(traced):
    first = traced("import model\nmodel.run()\n", "def run():\n    return relu(x)\n")
    second = traced("import model\nmodel.run()\n", "def run():\n    return silu(x)\n")
    site = changed_line(first, second)
    assert (site.file.endswith("1/model.py"), site.line) == (True, 2)
    assert changed_line(first, first) is None


def test_lines_that_were_deleted_at_the_end_are_the_last_line(traced):
    assert changed_line(traced("a = 1\nb = 2\n"), traced("a = 1\n")).line == 1


def test_files_that_were_changed_since_are_named(traced):
    trace = traced("import model", "x = 1")
    script, module = (Path(trace.path).with_name(name) for name in ("train.py", "model.py"))
    assert changed_since(trace) == []
    module.write_text("x = 2")
    assert changed_since(trace) == [module]
    script.unlink()
    assert changed_since(trace) == [script, module]


def test_a_file_whose_digest_was_not_recorded_is_not_said_to_have_changed(tmp_path):
    with Trace(record(tmp_path / "A.trace", steps=range(1), meta={"source": {"path": "gone.py"}})) as trace:
        assert changed_since(trace) == []


@pytest.mark.parametrize(
    ("text", "library", "line"),
    [
        ("import random\nrandom.shuffle(x)\nrandom.random()\n", "python", 2),
        ("import random as r\nif ready:\n    r.random()\n", "python", 3),
        ("from random import shuffle as mix\nmix(x)\n", "python", 2),
        ("import numpy as np\nx = [np.random.permutation(9)]\n", "numpy", 2),
        ("from numpy import random\nrandom.rand(3)\n", "numpy", 2),
        ("import numpy.random\nnumpy.random.rand(3)\n", "numpy", 2),
        ("import torch\nfirst, rest = torch.utils.data.random_split(x, [2, 3])\n", "torch", 2),
        ("import random\ndef split():\n    random.shuffle(x)\nsplit()\n", "python", 4),
        # Another library's, another object's, a seed, a generator of its own, and what is not executed there.
        ("import numpy as np\nnp.random.rand(3)\n", "python", None),
        ("import random\nrng = random.Random(3)\nrng.random()\nrandom.getstate()\n", "python", None),
        ("import numpy as np\nrng = np.random.default_rng(3)\nrng.random()\n", "numpy", None),
        ("import random\ndef split():\n    random.shuffle(x)\n", "python", None),
        ("random.shuffle(x)\n", "python", None),
        ("def broken(", "python", None),
    ],
)
def test_the_first_line_that_draws_before_a_seed(traced, text, library, line):
    trace = traced(f"{text}# the seed\nimport random as later\nlater.random()\n")
    script = str(Path(trace.path).with_name("train.py"))
    seed = Site(script, text.count("\n") + 1, "<module>")
    assert drawn_before(trace, seed, library) == (None if line is None else Site(script, line, "<module>"))
    assert drawn_before(trace, seed._replace(file="other.py"), library) is None
