from __future__ import annotations

import ast
from pathlib import Path

import pytest

from samerun.lint import File
from samerun.lint.project import Project


def file_of(text, path="x.py"):
    return File.of(text.encode(), Path(path), Project())


def last(text):
    """What the function of the last call in a text is."""
    file = file_of(text)
    return file.resolve(max(file.nodes(ast.Call), key=lambda call: (call.lineno, call.col_offset)).func)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import numpy as np\nnp.random.seed(0)", "numpy.random.seed"),
        ("from torch import manual_seed as ms\nms(0)", "torch.manual_seed"),
        ("import torch.nn as nn\nnn.Linear()", "torch.nn.Linear"),
        ("import torch.nn\ntorch.nn.Linear()", "torch.nn.Linear"),
        ("import torch\nseed = torch.manual_seed\nseed(0)", "torch.manual_seed"),
        ("import torch\nseed: object = torch.manual_seed\nseed(0)", "torch.manual_seed"),
        ("import torch\nseed, x = torch.manual_seed, 1\nseed(0)", "torch.manual_seed"),
        ("import torch\nseed = torch.manual_seed\nseed = torch.seed\nseed()", None),
        ("import torch\ntorch.random.manual_seed(0)", "torch.manual_seed"),
        ("import pytorch_lightning as pl\npl.seed_everything(0)", "lightning.seed_everything"),
        ("import lightning.pytorch as pl\npl.seed_everything(0)", "lightning.seed_everything"),
        ("from lightning.fabric.utilities.seed import seed_everything as s\ns(0)", "lightning.seed_everything"),
        ("from torch.utils.data.dataloader import DataLoader\nDataLoader()", "torch.utils.data.DataLoader"),
        ("from torch.nn.modules.linear import Linear\nLinear()", "torch.nn.Linear"),
        ("import torch.backends.cudnn as cudnn\ncudnn.version()", "torch.backends.cudnn.version"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\ntorch.rand(1)", "torch.rand"),
        ("hash('x')", "builtins.hash"),
        ("def hash(x): pass\nhash('x')", None),
        ("from somewhere import *\nrand(1)", None),
        ("import torch\ndef f(torch):\n    torch.rand(1)", None),
        ("import torch\ndef f():\n    torch = 1\n    torch.rand(1)", None),
        ("import torch\nfor torch in x:\n    torch.rand(1)", None),
        ("import torch\ndel torch\ntorch.rand(1)", None),
        ("import torch\nwith x as torch:\n    torch.rand(1)", None),
        ("import torch\n[torch.rand(1) for torch in x]", None),
        ("import torch\n[torch.rand(1) for y in x]", "torch.rand"),
        ("import torch\nlambda torch: torch.rand(1)", None),
        ("import torch\ndef f(x=torch.rand(1)): pass", "torch.rand"),
        ("import torch\ndef f(torch=torch.rand(1)): pass", "torch.rand"),
        ("import torch\nclass A:\n    torch = 1\n    def f(self):\n        torch.rand(1)", "torch.rand"),
        ("import torch\nclass A:\n    torch = 1\n    torch.rand(1)", None),
        ("def g():\n    global t\n    import torch as t\ndef f():\n    t.rand(1)", "torch.rand"),
        ("import torch\ntry: pass\nexcept E as torch:\n    torch.rand(1)", None),
        ("import torch\nmatch x:\n    case {'a': torch}:\n        torch.rand(1)", None),
        ("import torch\nf(torch := 1)\ntorch.rand(1)", None),
        ("x()()", None),
        ("import random\nrandom = random.Random(0)\nrandom.random()", None),
    ],
)
def test_resolve(text, name):
    assert last(text) == name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("from torch.utils.data import DataLoader as D\nx = D(y)\nx", "torch.utils.data.DataLoader"),
        (
            "import numpy as np\nclass A:\n    def __init__(self):\n        self.r = np.random.default_rng()\n"
            "    def f(self):\n        self.r",
            "numpy.random.default_rng",
        ),
        ("import torch\nx = torch.optim.SGD(p) if y else torch.optim.SGD(q)\nx", "torch.optim.SGD"),
        ("import torch\nx = torch.optim.SGD(p)\nx = torch.optim.Adam(p)\nx", None),
        ("import torch\nx = None\nx = torch.optim.SGD(p)\nx", "torch.optim.SGD"),
        ("import torch\ndef make():\n    return torch.optim.SGD(p)\nx = make()\nx", "torch.optim.SGD"),
        ("import torch\nfor x in torch.optim.SGD(p):\n    x", None),
        (
            "import torch\nclass A:\n    def f(self):\n        self.o = torch.optim.SGD(p)\na = A()\na.o",
            "torch.optim.SGD",
        ),
        ("import torch\no = torch.optim.SGD(p)\nm, o = accelerator.prepare(m, o)\no", "torch.optim.SGD"),
        ("import torch\no = torch.optim.SGD(p)\no = accelerator.prepare(o, device=[True])\no", "torch.optim.SGD"),
        ("import torch\no = torch.optim.SGD(p)\nm, mine = fabric.setup(m, o)\nmine", "torch.optim.SGD"),
        ("import torch\no = torch.optim.SGD(p)\nmine = fabric.setup_optimizers(o)\nmine", "torch.optim.SGD"),
        (
            "import torch\nclass A:\n    def f(self):\n        self.o = torch.optim.SGD(p)\n"
            "        self.m, self.o = self.a.prepare(self.m, self.o)\n        self.o",
            "torch.optim.SGD",
        ),
        ("import torch\no = torch.optim.SGD(p)\no, m = accelerator.prepare(m, o)\no", None),
        ("import torch\no = torch.optim.SGD(p)\nm, o = accelerator.prepare(*things, o)\no", None),
        ("import torch\no = torch.optim.SGD(p)\nm, o = accelerator.prepare(o)\no", None),
        ("import torch\no = torch.optim.SGD(p)\nm, o = f(m, o)\no", None),
        ("import torch\no = torch.optim.SGD(p)\nx = app.setup(o)\nx", None),
        ("import torch\no = o\no", None),
        (
            "import torch\nclass A:\n    def f(self, other):\n        self.o = torch.optim.SGD(p)\n"
            "        self.o = other.o\n        self.o",
            None,
        ),
    ],
)
def test_kind_of(text, kind):
    file = file_of(text)
    assert file.kind_of(file.nodes(ast.Expr)[-1].value) == kind


def test_names_lead_through_a_project(tmp_path):
    package = tmp_path / "src" / "pkg"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (package / "__init__.py").write_text("from .deep import seed as seed\nfrom . import deep\n")
    (package / "deep.py").write_text(
        "from torch import manual_seed as seed\nimport numpy as np\ndef mine():\n    pass\n"
    )
    (tmp_path / "spaced").mkdir()
    (tmp_path / "spaced" / "inner.py").write_text("import torch\n")
    text = (
        "import pkg, pkg.deep\nfrom pkg import seed\nfrom pkg.deep import *\nfrom spaced.inner import torch as t\n"
        "from spaced import inner\n"
        "pkg.seed(0)\nseed(0)\npkg.deep.np.random.rand()\nnp.random.rand()\nt.rand(1)\ninner.torch.rand(1)\npkg.gone()\nmine()\n"
    )
    (tmp_path / "script.py").write_text(text)
    file = file_of((tmp_path / "script.py").read_text(), tmp_path / "script.py")
    found = [file.resolve(call.func) for call in file.nodes(ast.Call)]
    numpy, torch = "numpy.random.rand", "torch.rand"
    assert found == ["torch.manual_seed", "torch.manual_seed", numpy, numpy, torch, torch, None, None]
    mine = file.definition(file.nodes(ast.Call)[-1])
    assert mine.file.path == package / "deep.py"
    assert mine.node.name == "mine"


def test_loops_and_training():
    file = file_of(
        "def step(o):\n    o.step()\nfor e in range(3):\n    for b in f(x):\n        step(o)\n    g()\nfor y in z: h()"
    )
    calls = {file.segment(call): call for call in file.nodes(ast.Call)}
    assert [loop.lineno for loop in file.loops(calls["step(o)"])] == [4, 3]
    assert [loop.lineno for loop in file.loops(calls["f(x)"])] == [3]
    assert file.loops(calls["o.step()"]) == []
    assert [file.is_training_loop(loop) for loop in file.nodes(ast.For)] == [True, True, False]
