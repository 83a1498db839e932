"""Processes are bounded in time, and end with whoever started them."""

import os
import sys
import threading

import psutil
import pytest

from samerun.verify.processes import Processes

# Starts a process that outlives it, and tells its number.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(child.pid, flush=True)
{then}
"""


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
    code, log = run(Processes(), tmp_path, PARENT.format(then=then), timeout=5.0 if then else 30.0)
    assert code == (None if then else 0)
    assert ends(int(log.read_text()))


def test_one_that_has_shown_enough_is_ended(tmp_path):
    log = tmp_path / "log"
    code, _ = run(Processes(), tmp_path, PARENT.format(then="time.sleep(100)"), enough=lambda: log.read_text() != "")
    assert code is None
    assert ends(int(log.read_text()))


def test_closing_kills_those_of_other_threads_and_lets_none_begin(tmp_path):
    processes = Processes()
    found = []
    log = tmp_path / "log"
    thread = threading.Thread(
        target=lambda: found.append(run(processes, tmp_path, PARENT.format(then="time.sleep(100)")))
    )
    thread.start()
    while not log.exists() or not log.read_text().strip():
        assert thread.is_alive()
    processes.close()
    thread.join()
    assert found[0][0] is None or found[0][0] == -9
    assert ends(int(log.read_text()))
    with pytest.raises(InterruptedError):
        run(processes, tmp_path, "")


def test_the_peak_of_memory_is_measured(tmp_path):
    processes = Processes()
    run(processes, tmp_path, "data = bytearray(200_000_000); import time; time.sleep(1.5)")
    assert 200_000_000 < processes.peak < 400_000_000
