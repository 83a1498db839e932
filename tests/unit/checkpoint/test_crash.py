"""A process is killed at every event of a save and of a deletion; what is left is the old state or the new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from samerun.checkpoint import Store
from samerun.state import first_difference
from states import training_state

# One process imports torch and forks a child for every event, in a copy of the directory; the child kills itself there.
DRIVER = """
import os, shutil, signal, sys
from pathlib import Path
from samerun.checkpoint import Keep, Store, Writer
from samerun.testing import FaultyFiles
from states import training_state

base, action = Path(sys.argv[1]), sys.argv[2]

def save(store):
    store.save(3, training_state(3))

def save_again(store):
    store.save(2, training_state(3))

def delete(store):
    store.delete(1)

def save_and_delete(store):
    with Writer(store, keep=Keep(newest=1)) as writer:
        writer.save(3, training_state(3))

for at in range(1000):
    folder = base.with_name(f"killed-{at:03d}")
    shutil.copytree(base, folder)
    child = os.fork()
    if child == 0:
        files = FaultyFiles(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        globals()[action](Store(folder, files=files))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    if code == 0:
        break
"""


def killed_at_every_event(tmp_path: Path, action: str, steps: tuple[int, ...]) -> list[Path]:
    base = tmp_path / "base"
    base.mkdir()
    for step in steps:
        Store(base).save(step, training_state(step))
    path = [str(Path(__file__).parents[2]), *sys.path]
    code = f"import sys; sys.path[:0] = {path!r}\n{DRIVER}"
    subprocess.run([sys.executable, "-c", code, str(base), action], check=True, timeout=200)
    *killed, _finished = sorted(tmp_path.glob("killed-*"))
    return killed


def newest(folder: Path) -> int | None:
    """Return which state the newest good checkpoint holds, after a look at its every bit."""
    found = Store(folder).load_newest()
    if found is None:
        return None
    assert not found.passed_over
    (content,) = [step for step in (1, 2, 3) if first_difference(found.state, training_state(step)) is None]
    return content


@pytest.mark.parametrize(
    ("action", "before", "old", "new"),
    [
        ("save", (), None, 3),
        ("save", (1, 2), 2, 3),
        ("save_again", (1, 2), 2, 3),
        ("save_and_delete", (1, 2), 2, 3),
        ("delete", (1, 2), 2, 2),
    ],
)
def test_a_kill_at_any_event_leaves_the_old_or_the_new(tmp_path, action, before, old, new):
    killed = killed_at_every_event(tmp_path, action, before)
    found = [newest(folder) for folder in killed]
    assert len(killed) >= (5 if action == "delete" else 14)
    assert set(found) == {old, new}
    assert found == sorted(found, key=lambda content: content == new)  # once the new one is there, it stays
    for folder, content in zip(killed, found, strict=True):
        Store(folder).clean()
        assert newest(folder) == content
        assert not list(folder.glob(".step-*"))
        Store(folder).save(4, training_state(1))
        assert newest(folder) == 1
