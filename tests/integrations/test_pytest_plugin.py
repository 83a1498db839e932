"""``pytest --samerun``: what a run of somebody else's tests looks like with the plugin, and without its options."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from samerun.errors import VerifyError
from samerun.integrations.pytest.text import verdict
from samerun.verify.call import command
from verdicts import ANEW, FAILED, SAME, report

pytest_plugins = ["pytester"]

LOADERS = """
import torch
from torch.utils.data import DataLoader


def load(names, batch_size):
    images = torch.tensor([[float(len(name))] for name in names])
    return DataLoader(images, batch_size=batch_size)
"""

TRAINING = """
import pytest
import torch

from loaders import load


def train(names, batch_size):
    torch.manual_seed(1)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in load(names, batch_size):
        model(batch).sum().backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.samerun(scenarios=["hashseed"], steps=4)
@pytest.mark.parametrize("batch_size", [4])
def test_names_in_a_set(names, batch_size):
    train(set(names), batch_size)


def train_sorted(out):
    train(["a", "bb", "ccc"], 1)
    (out / "done").touch(exist_ok=False)


def test_names_in_a_list(samerun_verify):
    report = samerun_verify(train_sorted, scenarios=["hashseed"], check=False)
    assert [(found.scenario, found.status) for found in report.outcomes] == [("hashseed", "same")]


@pytest.mark.samerun
def test_broken(tmp_path):
    raise ValueError("it does not train")
"""


def with_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> pytest.RunResult:
    # Whether samerun was installed with this entry point or before there was one.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester.runpytest_subprocess("-p", "samerun.integrations.pytest", "--strict-markers", *arguments)


@pytest.mark.slow
def test_a_test_fails_with_the_verdict_and_a_good_one_passes(pytester, monkeypatch):
    pytester.makeini("[pytest]\naddopts = --verbose\npythonpath = lib")
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef names():\n    return [number * 'a' for number in range(20)]"
    )
    (pytester.mkdir("lib") / "loaders.py").write_text(LOADERS)
    pytester.makepyfile(test_training=TRAINING)
    result = with_plugin(pytester, monkeypatch, "--samerun", "-s", "-rA")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "samerun: test_training.py::test_names_in_a_set[[]4]: hashseed: PYTHONHASHSEED=1",
            "differs: 1 of 1 trial",
            "hashseed * PYTHONHASHSEED=1 * differs * step 0: the batch * hash-order",
            "hashseed: PYTHONHASHSEED=1",
            "  at * lib/loaders.py:8 in load",
            "  do * put sets into an order *",
            "test_training.py::test_names_in_a_set[[]4]: 4 steps, each compared with the first",
            "*test_training.py::test_broken cannot be tried out: failed (1) as it is, in a copy of *",
            "E   ValueError: it does not train",
            "FAILED test_training.py::test_names_in_a_set[[]4] - Failed: differs: 1 of 1 trial",
        ]
    )


def test_they_are_skipped_unless_asked_for(pytester, monkeypatch):
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.mark.samerun(quick=True)
        def test_marked(tmp_path):
            assert False

        def test_fixture(samerun_verify):
            assert False

        def test_nothing_was_loaded():
            assert not {"torch", "samerun.verify", "samerun.errors"} & set(sys.modules)
        """
    )
    result = with_plugin(pytester, monkeypatch, "-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * it is run many times over; ask for it: pytest --samerun"])


def test_what_cannot_be_asked_for_is_said(pytester, monkeypatch):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.samerun(scenarios=["repeat", "wokers"])
        def test_scenario():
            ...

        @pytest.mark.samerun(step=3)
        def test_option():
            ...

        @pytest.mark.samerun(skip="repeat")
        def test_text():
            ...

        @pytest.mark.samerun(["repeat"])
        def test_position():
            ...

        @pytest.mark.samerun(scenarios=["repeat"], skip=["repeat"])
        def test_nothing():
            ...

        def test_function(samerun_verify):
            samerun_verify(lambda: None)
        """
    )
    result = with_plugin(pytester, monkeypatch, "--samerun")
    result.assert_outcomes(failed=5, skipped=1)
    result.stdout.fnmatch_lines_random(
        [
            "*test_scenario cannot be tried out: wokers: is no scenario; there are: repeat, *",
            "@pytest.mark.samerun has no step; there are: scenarios, skip, quick, steps, timeout, data",
            '@pytest.mark.samerun: skip is one text; give a list: [[]"repeat"]',
            "@pytest.mark.samerun([[]'repeat'],): give every argument a name",
            "*<lambda> cannot be tried out: *: cannot be found by another process; define it with `def` *",
        ]
    )
    result.stdout.no_fnmatch_line("*During handling of*")


def test_a_process_of_a_test_has_its_fixtures_and_the_folder_of_the_one_before_it(pytester, monkeypatch):
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef word():\n    return 'told'")
    pytester.makepyfile(
        test_told="""
        import os
        import pytest

        @pytest.mark.samerun
        def test_it(tmp_path, tmp_path_factory, word):
            assert "PYTEST_ADDOPTS" not in os.environ
            assert tmp_path_factory.getbasetemp() == tmp_path.with_name("basetemp")
            with (tmp_path / word).open("a") as file:
                file.write("started\\n")
            assert tmp_path.is_dir() and word != "told", "the last line"
        """
    )
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    options = ("-p", "samerun.integrations.pytest")
    out = pytester.mkdir("out")
    for _ in range(2):
        argv = [sys.executable, "-m", "samerun.integrations.pytest.inside", str(out), "test_told.py::test_it", *options]
        answer = subprocess.run(argv, cwd=pytester.path, capture_output=True, text=True, check=False)
        assert answer.returncode == pytest.ExitCode.TESTS_FAILED
        assert "AssertionError: the last line" in answer.stdout
        assert answer.stdout.splitlines()[-1].startswith("E ")
    assert (out / "tmp_path" / "told").read_text() == "started\n" * 2


def test_a_scenario_that_the_command_names_must_be_there(pytester, monkeypatch):
    result = with_plugin(pytester, monkeypatch, "--samerun-scenarios", "repeat,wokers")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --samerun-scenarios: wokers: is no scenario; there are: repeat, *"])


def test_the_verdict_names_the_arguments_that_a_test_may_give():
    started_anew = replace(ANEW, trial="another")
    late = replace(FAILED, advice="give it more time: --timeout=SECONDS")
    said = verdict(report(SAME, ANEW, started_anew, late), "test_it")
    assert "if that takes another command, name it: resume=" in " ".join(said.split())
    assert "give it more time: timeout=SECONDS" in said
    assert "--resume-cmd" not in said


class TestCall:
    """A function in a process of its own."""

    def function(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, text: str) -> object:
        root = tmp_path / folder
        root.mkdir(parents=True)
        (root / "called_function.py").write_text(text)
        (root / "beside_it.py").write_text("word = 'beside'\n")
        monkeypatch.syspath_prepend(root)
        monkeypatch.delitem(sys.modules, "called_function", raising=False)
        monkeypatch.delitem(sys.modules, "beside_it", raising=False)
        namespace: dict[str, object] = {}
        exec("import called_function", namespace)
        return namespace["called_function"]

    def test_it_finds_its_module_and_what_lies_beside_it_in_a_copy_of_the_folder(self, tmp_path, monkeypatch):
        text = (
            "import sys, beside_it\n"
            "def write(out):\n"
            "    assert 'torch' not in sys.modules\n"
            "    (out / 'told').write_text(f'{__name__} {__file__} {beside_it.word}')\n"
        )
        module = self.function(tmp_path, monkeypatch, "one/src", text)
        argv = command(module.write, tmp_path / "one")
        (tmp_path / "one").rename(tmp_path / "two")
        argv = [part.replace("{out}", str(tmp_path)) for part in argv]
        subprocess.run(argv, cwd=tmp_path / "two", check=True)
        path = tmp_path / "two" / "src" / "called_function.py"
        assert (tmp_path / "told").read_text() == f"called_function {path} beside"

    def test_it_may_take_nothing(self, tmp_path, monkeypatch):
        module = self.function(tmp_path, monkeypatch, "one", "def fail():\n    raise SystemExit(7)\n")
        assert subprocess.run(command(module.fail, tmp_path), cwd=tmp_path, check=False).returncode == 7

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("inner", "define it with `def`"), ("two", "more than one argument"), ("bound", "define it with `def`")],
    )
    def test_what_no_process_can_call_is_refused(self, tmp_path, monkeypatch, name, reason):
        text = "def two(a, b): ...\ninner = (lambda: lambda: 0)()\nbound = [].pop\n"
        module = self.function(tmp_path, monkeypatch, "one", text)
        with pytest.raises(VerifyError, match=reason):
            command(getattr(module, name), tmp_path)
