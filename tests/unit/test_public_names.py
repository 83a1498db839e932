from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import samerun

MODULES = [
    "samerun",
    "samerun.checkpoint",
    "samerun.data",
    "samerun.derive",
    "samerun.determinism",
    "samerun.errors",
    "samerun.rng",
    "samerun.state",
    "samerun.testing",
    "samerun.verify",
]


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_complete_and_documented(name):
    module = import_module(name)
    assert module.__all__ == sorted(module.__all__)
    for public in module.__all__:
        value = getattr(module, public)
        if callable(value) and not public.startswith("__"):
            assert value.__doc__, public


def test_lazy_names_are_those_type_checkers_see():
    tree = ast.parse(Path(samerun.__file__).read_text())
    (checking,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {alias.asname: node.module for node in checking.body for alias in node.names}
    assert declared == samerun._HOMES
    assert samerun.__all__ == sorted([*declared, "__version__"])
    assert set(dir(samerun)) >= set(samerun.__all__)


@pytest.mark.parametrize("name", samerun._MODULES)
def test_public_modules_are_there_after_the_plain_import(name):
    assert f"samerun.{name}" in MODULES
    code = f"import samerun; assert samerun.{name}.__name__ == 'samerun.{name}' and {name!r} in dir(samerun)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'sed_everything'"):
        _ = samerun.sed_everything


@pytest.mark.parametrize(
    "statement",
    [
        "import samerun",
        "import samerun.errors",
        "import samerun.derive",
        "import samerun.cli.app",
        "import samerun.tracing.launch.command",  # it waits beside the training
    ],
)
def test_parts_that_need_no_torch_do_not_load_it(statement):
    code = f"import sys; {statement}; assert not {{'torch', 'numpy', 'rich', 'matplotlib'}} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_library_loads_none_of_the_extras():
    code = "import sys, samerun; [getattr(samerun, name) for name in samerun.__all__]; samerun.capture()\n"
    code += "assert not {'click', 'rich', 'matplotlib', 'sklearn', 'numba'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
