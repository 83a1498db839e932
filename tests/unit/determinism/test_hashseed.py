from __future__ import annotations

import subprocess
import sys

import pytest

CODE = "import os; {}; from samerun.determinism import hash_seed; print(hash_seed())"


def answer(code: str, *flags: str, **environment: str) -> str:
    command = [sys.executable, *flags, "-c", CODE.format(code)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("seed", ["0", "1", "42", "4294967295"])
def test_the_running_seed_is_recognised(seed):
    assert answer("pass", PYTHONHASHSEED=seed) == seed


def test_random_hashes_are_recognised():
    assert answer("pass") == "None"
    assert answer("pass", PYTHONHASHSEED="random") == "None"


def test_a_variable_set_after_the_start_does_not_count():
    assert answer("os.environ['PYTHONHASHSEED'] = '42'") == "None"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the environment of the start from /proc")
def test_the_seed_of_the_start_is_found_after_the_variable_changed():
    assert answer("os.environ['PYTHONHASHSEED'] = '42'", PYTHONHASHSEED="7") == "7"


def test_an_ignored_environment_does_not_count():
    assert answer("pass", "-E", PYTHONHASHSEED="42") == "None"
