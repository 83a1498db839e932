"""Processes are bounded in time, and end with whoever started them."""

import os
import signal
import sys
import threading

import psutil
import pytest

from samerun.divergence.rerun import Command
from samerun.errors import ProcessError, VerifyError
from samerun.tracing.settings import Settings
from samerun.verify import processes as module
from samerun.verify.processes import Processes

# Starts a process that outlives it, and tells its number.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session={alone})
print(child.pid, flush=True)
{then}
"""


def parent(then, *, alone=False):
    return PARENT.format(then=then, alone=alone)


def run(processes, tmp_path, code, timeout=30.0, **options):
    log = tmp_path / "log"
    argv = [sys.executable, "-c", code]
    return processes.run(argv, cwd=tmp_path, variables=os.environ, log=log, timeout=timeout, **options), log


def ends(pid):
    """Return whether a process ends, which it may take a moment for."""
    try:
        psutil.Process(pid).wait(timeout=20)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.mark.parametrize(("code", "returned"), [("", 0), ("raise SystemExit(7)", 7), ("import os; os.abort()", -6)])
def test_the_exit_code_is_returned(tmp_path, code, returned):
    assert run(Processes(), tmp_path, code)[0] == returned


def test_what_it_prints_is_kept_and_it_has_no_input(tmp_path):
    code, log = run(Processes(), tmp_path, "import sys; print('out'); print(sys.stdin.read(), file=sys.stderr)")
    assert (code, log.read_text().split()) == (0, ["out"])


@pytest.mark.parametrize("then", ["", "time.sleep(100)"])
def test_what_it_started_ends_with_it(tmp_path, then):
    code, log = run(Processes(), tmp_path, parent(then), timeout=5.0 if then else 30.0)
    assert code == (None if then else 0)
    assert ends(int(log.read_text()))


def test_what_it_started_ends_with_it_without_waitid(tmp_path, monkeypatch):
    """MacOS has it from Python 3.13."""
    monkeypatch.delattr(os, "waitid")
    code, log = run(Processes(), tmp_path, parent(""))
    assert code == 0
    assert ends(int(log.read_text()))


def test_what_it_started_in_another_session_is_killed_with_it(tmp_path):
    """Torchrun starts its workers so."""
    log = tmp_path / "log"
    code, _ = run(
        Processes(), tmp_path, parent("time.sleep(100)", alone=True), enough=lambda: log.read_text().endswith("\n")
    )
    assert code is None
    assert ends(int(log.read_text()))


def test_what_it_started_in_another_session_ends_with_it_if_it_was_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MEASURE", 0.0)
    log, looks = tmp_path / "log", []

    def enough():
        looks.append(log.read_text())
        # What it started was there already at the last look.
        if looks[-2:][0]:
            (tmp_path / "seen").touch()
        return False

    code, _ = run(Processes(), tmp_path, parent("while not os.path.exists('seen'): pass", alone=True), enough=enough)
    assert code == 0
    assert ends(int(log.read_text()))


def test_a_command_that_is_run_again_needs_no_waitid(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "waitid")
    with pytest.raises(ProcessError) as caught:
        Command((sys.executable, "-c", "raise SystemExit(3)"), tmp_path, {}).run(
            Settings.checked(tmp_path / "A.trace"), 1
        )
    assert caught.value.code == 3


def test_it_is_refused_where_there_are_no_groups_of_processes(monkeypatch):
    monkeypatch.delattr(os, "killpg")
    with pytest.raises(VerifyError, match="Windows"):
        Processes()


def test_one_that_has_shown_enough_is_ended(tmp_path):
    log = tmp_path / "log"
    code, _ = run(Processes(), tmp_path, parent("time.sleep(100)"), enough=lambda: log.read_text() != "")
    assert code is None
    assert ends(int(log.read_text()))


def test_closing_kills_those_of_other_threads_and_lets_none_begin(tmp_path):
    processes = Processes()
    found = []
    log = tmp_path / "log"
    thread = threading.Thread(target=lambda: found.append(run(processes, tmp_path, parent("time.sleep(100)"))))
    thread.start()
    while not log.exists() or not log.read_text().strip():
        assert thread.is_alive()
    processes.close()
    thread.join()
    assert found[0][0] is None or found[0][0] == -9
    assert ends(int(log.read_text()))
    with pytest.raises(InterruptedError):
        run(processes, tmp_path, "")


def test_one_that_prints_without_end_is_ended_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MEASURE", 0.0)
    monkeypatch.setattr(module, "_LONGEST", 10_000)
    assert run(Processes(), tmp_path, "import time; print('a' * 9_999, flush=True); time.sleep(0.2)")[0] == 0
    code, log = run(Processes(), tmp_path, "while True: print('a' * 1_000, flush=True)")
    assert code == -signal.SIGXFSZ
    assert log.read_text().endswith("\nsamerun verify: ended, as it printed more than 10000 bytes\n")


def test_starts_are_counted(tmp_path):
    processes = Processes()
    for _ in range(2):
        run(processes, tmp_path, "pass")
    assert processes.started == 2


def test_the_peak_of_memory_is_measured(tmp_path):
    processes = Processes()
    run(processes, tmp_path, "data = bytearray(200_000_000); import time; time.sleep(1.5)")
    assert 200_000_000 < processes.peak < 400_000_000
