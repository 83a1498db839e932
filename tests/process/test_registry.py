"""Another package joins through its entry point: an example package, installed the way pip leaves one behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example_package"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def install(folder: Path, entry_point: str = "dice = dice:sources") -> Path:
    (folder / "dice.py").write_text((EXAMPLE / "dice.py").read_text())
    metadata = folder / "dice-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: dice\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[samerun.rng_sources]\n{entry_point}\n")
    return folder


def test_an_example_package_is_seeded_captured_restored_and_isolated(tmp_path):
    code = """
import dice, samerun
assert samerun.seed_everything(5).seeded["dice"] == 5
first = dice.roll(), dice.roll()
samerun.seed_everything(5)
state = samerun.capture()
assert "dice" in state.names
with samerun.isolate():
    assert (dice.roll(), dice.roll()) == first
assert (dice.roll(), dice.roll()) == first
loaded = samerun.RngState()
loaded.load_state_dict(state.state_dict())
samerun.restore(loaded)
assert (dice.roll(), dice.roll()) == first
bad = {**state.state_dict(), "dice/dice/counter": state.state_dict()["dice/dice/counter"] - 10}
loaded.load_state_dict(bad)
try:
    samerun.restore(loaded)
except samerun.SamerunError as error:
    print(error)
"""
    answer = run(code, install(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert "dice/counter: found -10, expected 0 to" in answer.stdout


def test_its_state_is_refused_where_it_is_not_installed(tmp_path):
    saved = tmp_path / "state.pt"
    folder = tmp_path / "site"
    folder.mkdir()
    save = f"import samerun, torch; torch.save(samerun.capture().state_dict(), {str(saved)!r})"
    assert run(save, install(folder)).returncode == 0
    load = f"""
import samerun, torch
state = samerun.RngState()
state.load_state_dict(torch.load({str(saved)!r}, weights_only=True))
samerun.restore(state)
"""
    answer = run(load, tmp_path)
    assert answer.returncode == 1
    assert "dice: found a state, expected only sources that exist here (python, numpy, torch.cpu)" in answer.stderr


def test_a_slash_in_a_kind_is_refused_before_it_mixes_up_keys(tmp_path):
    code = """
import dice, samerun
pack = dice.DiceSource.pack
dice.DiceSource.pack = lambda self, native: type(pack(native))("di/ce", pack(native).fields)
samerun.capture().state_dict()
"""
    answer = run(code, install(tmp_path))
    assert answer.returncode == 1
    assert "RegistryError: RNG source 'dice': uses '/' in its kind 'di/ce'" in answer.stderr


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        ("broken = no_such_module:sources", "cannot be loaded: No module named 'no_such_module'"),
        ("broken = dice:SIDES", "is 6, not a function that returns sources"),
        ("broken = dice:not_sources", "gave 'dice', which is not a samerun.rng.Source"),
        ("broken = dice:fails", "failed: ZeroDivisionError: division by zero"),
        ("broken = dice:nothing", "failed: TypeError: 'NoneType' object is not iterable"),
        ("broken = dice:twice", "gave a second source named 'dice'"),
    ],
)
def test_a_package_that_registers_badly_is_named(tmp_path, entry_point, message):
    answer = run("import samerun; samerun.capture()", install(tmp_path, entry_point))
    assert answer.returncode == 1
    assert f"RegistryError: RNG source '{entry_point}': {message}" in answer.stderr
