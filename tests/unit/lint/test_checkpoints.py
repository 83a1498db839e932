from __future__ import annotations

from pathlib import Path

import pytest

from samerun.lint import File, draws
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


HEAD = (
    "import random, samerun, torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
    "from torch.utils import data\nfrom torchvision.transforms import v2\nfrom torchvision import transforms\n"
    "import others, timm.data, timm.layers\n"
)


def kinds(text):
    return [draw.kind for draw in training_draws(read(HEAD + text))]


@pytest.mark.parametrize("name", ["__getitem__", "__getitems__", "__iter__", "__call__", "collate_fn", "collate"])
def test_what_is_drawn_in_these_is_drawn_for_each_item(name):
    assert kinds(f"def {name}(x):\n    return random.random()\n") == ["item"]


@pytest.mark.parametrize(
    "name", ["forward", "training_step", "train_step", "train_one_epoch", "get_batch", "sample_batch"]
)
def test_what_is_drawn_in_these_is_drawn_in_each_step(name):
    assert kinds(f"def {name}(x):\n    return torch.rand(1)\n") == ["step"]


@pytest.mark.parametrize("call", ["torch.manual_seed(0)", "nn.init.normal_(x)", "nn.Linear(1, 1)", "print(x)"])
def test_not_all_that_is_called_in_a_step_draws(call):
    assert kinds(f"def forward(x):\n    {call}\n") == []


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("data.RandomSampler(d)", "shuffle"),
        ("data.SubsetRandomSampler(d)", "shuffle"),
        ("data.WeightedRandomSampler(w, 3)", "shuffle"),
        ("data.SequentialSampler(d)", None),
        ("others.RandomSampler(d)", None),
        ("data.DataLoader(d, shuffle=yes)", "shuffle"),
        ("samerun.DataLoader(d, shuffle=True)", None),
        ("nn.Dropout2d(0.1)", "dropout"),
        ("nn.Dropout(rate)", "dropout"),
        ("others.Dropout(0.1)", None),
        ("F.dropout(x, 0.0)", None),
        ("F.dropout(0, 0.1)", "dropout"),
        ("transforms.RandomCrop(3)", "transform"),
        ("v2.RandomCrop(3)", "transform"),
        ("transforms.CenterCrop(3)", None),
        *((f"v2.{name}()", "transform") for name in ("ColorJitter", "AutoAugment", "TrivialAugmentWide")),
        *((f"v2.{name}()", "transform") for name in ("AugMix", "MixUp", "CutMix")),
        ("timm.data.create_transform(3, True)", "transform"),
        ("timm.data.create_transform(3, is_training=train)", "transform"),
        ("timm.data.create_transform(3)", None),
        ("timm.data.Mixup(0.8)", "step"),
        ("timm.data.FastCollateMixup(0.8)", "step"),
        ("timm.layers.DropPath(0.1)", "dropout"),
        ("timm.layers.Mlp(3)", None),
        ("random.random()", None),
    ],
)
def test_what_draws_by_what_it_is(call, kind):
    assert kinds(f"{call}\n") == ([] if kind is None else [kind])


def test_weights_that_are_begun_with_anew_are_no_draw_of_the_training():
    loop = "for x in y:\n    start()\n    optimizer.step()\n"
    assert kinds("def start():\n    nn.init.normal_(w)\n" + loop) == []
    assert kinds("def start():\n    return torch.rand(1)\n" + loop) == ["step"]


def test_a_class_of_the_file_itself_is_not_told_twice():
    text = "class D:\n    def __getitem__(self, i):\n        return random.random()\nD()\n"
    assert [draw.node.lineno - HEAD.count("\n") for draw in training_draws(read(HEAD + text))] == [3]


@pytest.fixture
def used(tmp_path):
    module = (
        "import random\n\n\ndef first():\n    second()\n    return third()\n\n\ndef second():\n    return first()\n\n\n"
        "def third():\n    class D:\n        def __getitem__(self, i):\n            return random.random()\n"
        "    return D()\n"
    )
    (tmp_path / "used.py").write_text(module)
    text = "import used\nd = used.first()\n"
    return File.of(text.encode(), tmp_path / "x.py", Project())


def test_functions_that_call_each_other_are_looked_into_once(used):
    assert [(draw.kind, draw.node.lineno) for draw in training_draws(used)] == [("item", 2)]


def test_there_is_an_end_to_what_is_looked_into(used, monkeypatch):
    monkeypatch.setattr(draws, "_MOST", 1)
    assert training_draws(used) == []


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
