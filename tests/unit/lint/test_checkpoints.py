from __future__ import annotations

from pathlib import Path

import pytest

from samerun.lint import File
from samerun.lint.checkpoints import role_said, tells_of_generators
from samerun.lint.draws import training_draws
from samerun.lint.project import Project
from samerun.lint.resumption import resumed_loops


def read(text):
    return File.of(text.encode(), Path("x.py"), Project())


def pieces(text):
    return [[(one.key, one.owner, one.role) for one in found.pieces] for found in read(text).checkpoints.written]


BOTH = [("m", "net", "model"), ("o", "opt", "optimizer")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("save({'m': net.state_dict(), 'o': opt.state_dict()})", [BOTH]),
        ("save(dict(m=net.state_dict(), o=opt.state_dict()))", [BOTH]),
        ("s = {'m': net.module.state_dict()}\ns['o'] = opt.state_dict()", [BOTH]),
        ("s = {}\ns['m'] = deepcopy(net.state_dict())\ns['o'] = opt.state_dict()", [BOTH]),
        ("save({'m': unwrap(net).state_dict(), 'o': opt.state_dict() if opt else None})", [BOTH]),
        ("save({'m': self.net.state_dict(), 'o': self.opt.state_dict()})", [BOTH]),
        (
            "save({'a': {'m': net.state_dict()}, 'b': {'o': opt.state_dict()}})",
            [[("a", *BOTH[0][1:]), ("b", *BOTH[1][1:])]],
        ),
        (
            "save({'m': net.state_dict(), 'optims': [o.state_dict() for o in os]})",
            [[BOTH[0], ("optims", "o", "optimizer")]],
        ),
        ("save({'m': net.state_dict()}, {'o': opt.state_dict()})", []),
        (
            "def f():\n    s = {}\n    s['m'] = net.state_dict()\ndef g():\n    s = {}\n    s['o'] = opt.state_dict()",
            [],
        ),
        ("class A:\n    def state_dict(self):\n        return {'m': net.state_dict(), 'o': opt.state_dict()}", []),
    ],
)
def test_what_is_put_together(text, expected):
    assert pieces(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s = {'m': net.state_dict(), 'o': opt.state_dict()}", False),
        ("s = load()\ns = {'m': net.state_dict(), 'o': opt.state_dict()}\ns['e'] = 1", False),
        ("s = {'m': net.state_dict(), 'o': opt.state_dict(), **more}", True),
        ("s = dict(more, m=net.state_dict(), o=opt.state_dict(), **more)", True),
        ("s = {'m': net.state_dict(), 'o': opt.state_dict()}\ns.update(more)", True),
        ("s = {'m': net.state_dict(), 'o': opt.state_dict()}\ns[key] = 1", True),
        ("s = start()\ns['m'] = net.state_dict()\ns['o'] = opt.state_dict()", True),
    ],
)
def test_whether_there_may_be_more(text, expected):
    assert [one.open for one in read(text).checkpoints.written] == [expected]


def test_keys_are_those_of_the_display_and_those_set_later():
    text = (
        "def f():\n    s = {'m': net.state_dict(), 'o': opt.state_dict(), 'e': 1}\n    s['l'] = 2\n"
        "def g(s):\n    s['x'] = 3"
    )
    assert [one.keys for one in read(text).checkpoints.written] == [{"m", "o", "e", "l"}]


def test_what_is_loaded():
    text = (
        "net.load_state_dict(c['net'])\nself.optimizer.load_state_dict(c.get('o'))\n"
        "x = c['sched']\nlr.load_state_dict(x)\n"
        "for one, state in zip(optims, c['all']):\n    one.load_state_dict(state)\nnet.load_state_dict(load())\n"
    )
    file = read(text)
    assert [(load.key, load.owner, load.role) for load in file.checkpoints.loads] == [
        ("net", "net", "model"),
        ("o", "optimizer", "optimizer"),
        ("sched", "lr", "scheduler"),
        (None, "one", "optimizer"),
        (None, "net", "model"),
    ]
    assert file.checkpoints.resumes
    assert not read("net.load_state_dict(c['net'])").checkpoints.resumes


def test_what_made_it_counts_more_than_its_name():
    text = (
        "import torch\nfrom torch.optim.swa_utils import AveragedModel\n"
        "thing = torch.optim.Adam(x)\nw = AveragedModel(y)\n"
        "save({'a': thing.state_dict(), 'b': w.state_dict(), 'net': net.state_dict()})"
    )
    assert pieces(text) == [[("a", "thing", "optimizer"), ("b", "w", "average"), ("net", "net", "model")]]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("optimizer_G", "optimizer"),
        ("d_opt", "optimizer"),
        ("opt", "optimizer"),
        ("options", "model"),
        ("lr_scheduler", "scheduler"),
        ("optim_sched", "scheduler"),
        ("scaler", "scaler"),
        ("model_ema", "average"),
        ("ema_net", "average"),
        ("schema_net", "model"),
        ("train_loader", "data"),
        ("generator", "model"),
    ],
)
def test_roles_by_name(name, role):
    assert role_said(name) == role


def test_which_keys_tell_of_generators():
    assert all(map(tells_of_generators, ("rng", "torch_rng_state", "random_state", "RNG", "generator_state")))
    assert not any(map(tells_of_generators, ("generator", "seed", "model", "epoch")))


def test_what_draws_while_a_model_is_trained():
    text = (
        "import random, torch\nfrom torch.utils.data import DataLoader\n"
        "torch.nn.init.normal_(w)\nrandom.random()\n"
        "DataLoader(d, shuffle=True)\nDataLoader(d, shuffle=False)\nDataLoader(d)\n"
        "torch.nn.Dropout(0.1)\ntorch.nn.Dropout(p=0)\n"
        "class D:\n    def __getitem__(self, i):\n        return random.random()\n"
        "    def __len__(self):\n        return random.random()\n"
        "def batch():\n    return torch.randn(3)\n"
        "for x in y:\n    batch()\n    optimizer.step()\n"
    )
    assert [(draw.kind, draw.node.lineno) for draw in training_draws(read(text))] == [
        ("shuffle", 5),
        ("dropout", 8),
        ("item", 12),
        ("step", 16),
    ]


def test_loops_before_which_generators_are_restored():
    text = (
        "import torch\nfrom torch.utils.data import DataLoader\n"
        "def save():\n    torch.save(torch.get_rng_state(), p)\n"
        "def train(loader):\n    for i, x in enumerate(loader):\n"
        "        if i < start: continue\n        o.step()\n        save()\n"
        "def resume():\n    torch.set_rng_state(s)\n"
        "resume()\ntrain(DataLoader(d))\nfor x in DataLoader(d): pass\nfor x in [1]: o.step()\n"
    )
    found = resumed_loops(read(text))
    assert [(one.loop.lineno, one.restore.node.lineno, one.captured) for one in found] == [
        (6, 11, (True, False)),
        (14, 11, (False, True)),
    ]
    assert [one.skip.lineno if one.skip else None for one in found] == [7, None]
    assert resumed_loops(read(text.replace("resume()\ntrain", "train"))) == []


@pytest.mark.parametrize("text", ["for x in y:\n    next()\n", "for x in y():\n    pass\n", "next(iter(y))\n"])
def test_loops_over_what_is_no_loader(text):
    assert resumed_loops(read("import torch\ntorch.set_rng_state(s)\n" + text)) == []
