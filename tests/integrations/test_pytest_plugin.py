"""``pytest --samerun``: what a run of somebody else's tests looks like with the plugin, and without its options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from samerun.errors import VerifyError
from samerun.verify.call import command

pytest_plugins = ["pytester"]

TRAINING = """
    import random
    from pathlib import Path

    import pytest
    import torch

    def train(width, noise=0.0):
        torch.manual_seed(1)
        model = torch.nn.Linear(width, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            batch = torch.randn(4, width) + noise
            model(batch).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
"""


def with_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> pytest.RunResult:
    # Whether samerun was installed with this entry point or before there was one.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester.runpytest_subprocess("-p", "samerun.integrations.pytest", "--strict-markers", *arguments)


@pytest.mark.slow
def test_a_test_fails_with_the_verdict_and_a_good_one_passes(pytester, monkeypatch):
    pytester.makeini("[pytest]\naddopts = --verbose\npythonpath = lib")
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef width():\n    return 3")
    (pytester.mkdir("lib") / "noises.py").write_text("import random\ndef noise():\n    return random.random()\n")
    pytester.makepyfile(
        test_training=TRAINING
        + """
    from noises import noise

    @pytest.mark.samerun(scenarios=["repeat"], steps=4)
    @pytest.mark.parametrize("seed", [7])
    def test_noisy(seed, width):
        train(width, noise())

    def quiet(out):
        random.seed(1)
        train(2, noise())
        (out / "done").touch(exist_ok=False)

    def test_quiet(samerun_verify):
        report = samerun_verify(quiet, scenarios=["repeat"], check=False)
        assert [(found.scenario, found.status) for found in report.outcomes] == [("repeat", "same")]

    @pytest.mark.samerun
    def test_broken(tmp_path):
        raise ValueError("it does not train")
    """
    )
    result = with_plugin(pytester, monkeypatch, "--samerun", "-s", "-rA")
    result.assert_outcomes(passed=1, failed=2)
    noisy = "test_training.py::test_noisy[[]7]"
    result.stdout.fnmatch_lines(
        [
            "samerun: *test_noisy*: repeat: again",
            f"{noisy}: not the same run in 1 of 1 trial: repeat",
            "repeat: again: DIFFERS",
            "    first difference: from step 0 on, the batch, *",
            "    cause: never-seeded",
            "    Python's generator was never seeded in either run.",
            "    lib/noises.py:3 in noise",
            "    advice: seed all generators at once *",
            "test_training.py::test_broken cannot be tried out: failed (1) as it is:",
            "ValueError: it does not train",
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


def test_a_scenario_that_the_command_names_must_be_there(pytester, monkeypatch):
    result = with_plugin(pytester, monkeypatch, "--samerun-scenarios", "repeat,wokers")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --samerun-scenarios: wokers: is no scenario; there are: repeat, *"])


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
