from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Runs a script, and sends its process a signal at a boundary.
AT_STEP = """
import os, runpy, signal, sys
from samerun.run.loops import at_boundary

step, name, script, *arguments = sys.argv[1:]
at_boundary.append(lambda run: run.step == int(step) and os.kill(os.getpid(), getattr(signal, name)))
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""

# The steps at which a run is stopped and then killed: behind the last batch of an epoch, and inside one; and where it
# goes on after either.
EXAMPLES = [
    ("digits.py", (29, 43), (29, 40)),
    pytest.param("language_model.py", (38, 65), (39, 60), marks=pytest.mark.slow),
]


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def outcome(answer: subprocess.CompletedProcess[str], directory: Path) -> tuple[list[str], bytes]:
    """What a script says at its end, which is fingerprints, and what it logged."""
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    said = [line for line in answer.stdout.splitlines() if not line.startswith(("from step", "epoch"))]
    assert len(said) >= 2
    return said, (directory / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize(("name", "ends", "goes_on_at"), EXAMPLES)
def test_stopped_killed_and_started_again_it_is_the_same_run(tmp_path, name, ends, goes_on_at):
    script = str(ROOT / "examples" / name)
    straight = start(script, "--dir", str(tmp_path / "straight"), "--epochs", "2")
    options = ("--dir", str(tmp_path / "interrupted"), "--epochs", "2")

    stopped = start("-c", AT_STEP, str(ends[0]), "SIGTERM", script, *options)
    assert stopped.returncode == 128 + signal.SIGTERM, stopped.stderr
    killed = start("-c", AT_STEP, str(ends[1]), "SIGKILL", script, *options, "--workers", "1")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = start(script, *options)

    began = [answer.stdout.splitlines()[0] for answer in (stopped, killed, resumed)]
    assert began == [f"from step {step}" for step in (0, *goes_on_at)]
    assert outcome(resumed, tmp_path / "interrupted") == outcome(straight, tmp_path / "straight")


def test_another_number_of_epochs_is_another_outcome(tmp_path):
    script = str(ROOT / "examples" / "digits.py")
    first, second = (
        outcome(start(script, "--dir", str(tmp_path / count), "--epochs", count), tmp_path / count) for count in "12"
    )
    assert first[0] != second[0]
