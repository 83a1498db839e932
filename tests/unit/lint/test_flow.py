from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from samerun.lint import File, project
from samerun.lint.project import Project


def read(path, known):
    return File.of(path.read_bytes(), path, known)


def told(text):
    file = File.of(text.encode(), Path("x.py"), Project())
    return [(event.kind, event.name, event.node.lineno, event.site.lineno, event.certain) for event in file.timeline]


def kinds(text):
    return [(kind, certain) for kind, _, _, _, certain in told(text)]


def test_what_a_script_does_in_order():
    text = (
        "import os, random, torch\n"
        "def seed():\n    random.seed(0)\n"
        "class Net(torch.nn.Module):\n    def __init__(self):\n        self.a = torch.nn.Linear(1, 2)\n"
        "class Trainer:\n    def __init__(self, net):\n        self.net = net\n    def fit(self, loader):\n"
        "        for batch in enumerate(loader): self.net(batch).backward()\n        self.end()\n"
        "    def end(self):\n        torch.save(self, 'x')\n"
        "def main():\n    os.environ['A'] = '1'\n"
        "    torch.backends.cudnn.benchmark = True\n    trainer = Trainer(Net())\n"
        "    loader = torch.utils.data.DataLoader(x)\n    for epoch in range(2):\n        for b in loader: pass\n"
        "    trainer.fit(loader)\n"
        "seed()\nif __name__ == '__main__':\n    main()\n"
    )
    assert told(text) == [
        ("seed", "random.seed", 3, 23, True),
        ("environment", "A", 16, 25, True),
        ("flag", "torch.backends.cudnn.benchmark", 17, 25, True),
        ("model", "torch.nn.Linear", 6, 25, True),
        ("model", "Net", 18, 25, True),
        ("loader", "torch.utils.data.DataLoader", 19, 25, True),
        ("iterate", "torch.utils.data.DataLoader", 21, 25, True),
        ("train", "backward", 11, 25, True),
        ("save", "torch.save", 14, 25, True),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if x:\n    random.seed(0)", [("seed", False)]),
        ("if x: pass\nelse:\n    random.seed(0)", [("seed", False)]),
        ("try:\n    random.seed(0)\nexcept E:\n    random.random()", [("seed", True), ("draw", False)]),
        ("def f():\n    if x: return\n    random.seed(0)\nf()\nrandom.random()", [("seed", False), ("draw", True)]),
        ("match x:\n    case 1:\n        random.seed(0)", [("seed", False)]),
        ("with x:\n    random.seed(0)", [("seed", True)]),
        ("x = lambda: random.random()", []),
        ("def f(x=random.random()): pass", [("draw", True)]),
        ("def f():\n    f()\n    random.seed(0)\nf()", [("seed", True)]),
        ("def f():\n    yield random.random()\nf()", []),
        ("random.seed(random.random())", [("draw", True), ("seed", True)]),
        ("def main(): random.seed(0)\nfire.Fire(main)", [("seed", True)]),
        ("seed_it_all(3)", [("unknown-seed", True)]),
        ("random.seed()", [("entropy", True)]),
        ("random.seed(None)", [("entropy", True)]),
        ("random.seed(a=None)", [("entropy", True)]),
        ("random.seed(a=3)", [("seed", True)]),
        ("random.seed(x)", [("seed", True)]),
        ("random.seed(*x)", [("seed", True)]),
        ("env.seed(3)", [("unknown-seed", True)]),
        ("env = make()\nenv.seed(3)", []),
        ("a = Accelerator()\na.save_state(x)\na.load_state(x)", [("capture", True), ("restore", True)]),
        ("a = make()\na.load_state(x)", []),
    ],
)
def test_branches_calls_and_what_is_not_run(text, expected):
    assert kinds(f"import random, fire\nfrom accelerate import Accelerator\n{text}\n") == expected


def test_loops():
    text = (
        "import random\nfor e in x:\n    for b in random.sample(y, 2): o.step()\n    random.random()\nrandom.random()"
    )
    file = File.of(text.encode(), Path("x.py"), Project())
    found = [(event.name, event.loop.lineno if event.loop else None, event.training) for event in file.timeline]
    assert found == [
        ("random.sample", 2, True),
        ("step", 3, True),
        ("random.random", 2, True),
        ("random.random", None, False),
    ]


def test_many_calls_of_many_functions_are_followed_once_each():
    functions = [f"def f{n}(o):\n    for x in o:\n" + f"        f{n + 1}(o)\n" * 10 for n in range(30)]
    text = "import random\n" + "".join(functions) + "def f30(o):\n    o.step()\n    random.seed(0)\nf0(3)\n"
    file = File.of(text.encode(), Path("x.py"), Project())
    assert len(file.timeline) < 10_000
    assert {event.kind for event in file.timeline} == {"seed", "train"}
    assert all(event.training for event in file.timeline)


def test_functions_that_call_each_other_come_to_an_end():
    text = "import random\ndef f():\n    g()\n    random.seed(0)\ndef g():\n    f()\n    random.random()\nf()\n"
    assert kinds(text) == [("draw", True), ("seed", True)]


CIRCLE = """
import random
def f(o):
    g(o)
    o.step()
    random.seed(0)
def g(o):
    h(o)
    random.random()
def h(o):
    f(o)
    g(o)
"""


def test_what_a_function_in_a_circle_does_is_the_same_whichever_is_asked_for_first():
    found = set()
    for order in permutations("fgh"):
        file = File.of(CIRCLE.encode(), Path("x.py"), Project())
        functions = {function.name: function for function in file.functions}
        kinds = {name: tuple(event.kind for event in file.timeline_of(functions[name])) for name in order}
        trains = {name: file.trains_when_called(functions[name]) for name in order}
        found.add((tuple(sorted(kinds.items())), tuple(sorted(trains.items()))))
    assert found == {
        (
            (
                ("f", ("draw", "train", "seed")),
                ("g", ("train", "seed", "draw")),
                ("h", ("draw", "train", "seed", "draw")),
            ),
            (("f", True), ("g", True), ("h", True)),
        )
    }


def test_modules_that_import_each_other_do_the_same_whichever_is_asked_for_first(tmp_path):
    (tmp_path / "a.py").write_text("import random, b\nrandom.seed(0)\n")
    (tmp_path / "b.py").write_text("import random, a\nrandom.random()\n")
    for order in ("ab", "ba"):
        project = Project()
        files = [read(tmp_path / f"{name}.py", project) for name in order]
        kinds = {file.path.stem: [event.kind for event in file.timeline_when_imported] for file in files}
        assert kinds == {"a": ["draw", "seed"], "b": ["seed", "draw"]}


@pytest.mark.parametrize(("most", "kinds"), [(1000, ["draw", "seed"]), (150, ["unknown-seed", "seed"])])
def test_what_importing_more_than_is_read_does_is_unknown(tmp_path, monkeypatch, most, kinds):
    monkeypatch.setattr(project, "_MOST", most)
    for number in range(10):
        (tmp_path / f"m{number}.py").write_text(f"try:\n    import m{number + 1}\nfinally:\n    pass\n")
    (tmp_path / "m10.py").write_text("import random\nrandom.random()\n")
    (tmp_path / "x.py").write_text("import random, m0\nrandom.seed(0)\n")
    known = Project()
    file = read(tmp_path / "x.py", known)
    assert [event.kind for event in file.timeline] == kinds
    assert (tmp_path / "m10.py" in [found.path for found in known._files.values() if found]) is (most == 1000)


def test_what_only_a_function_imports_is_not_run_by_an_import(tmp_path):
    (tmp_path / "a.py").write_text("import b\nif x:\n    from c import d\ndef f():\n    import e\n")
    for name in "bce":
        (tmp_path / f"{name}.py").touch()
    assert [found.path.stem for found in read(tmp_path / "a.py", Project()).imported] == ["b", "c"]


def test_many_functions_that_all_call_each_other_are_no_harm():
    calls = "".join(f"    f{n}()\n" for n in range(14))
    text = "import random\n" + "".join(f"def f{n}():\n{calls}    random.random()\n" for n in range(14)) + "f3()\n"
    file = File.of(text.encode(), Path("x.py"), Project())
    assert {event.kind for function in file.functions for event in file.timeline_of(function)} == {"draw"}


def test_a_chain_of_calls_beyond_all_reason_is_no_harm():
    functions = "".join(f"def f{n}():\n    f{n + 1}()\n" for n in range(2000))
    assert kinds(f"{functions}f0()\n") == []
