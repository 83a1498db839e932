from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from samerun.errors import RunError
from samerun.run import owner as owner_module
from samerun.run.owner import Owner

HOLD = """
import os, sys, time
from pathlib import Path
from samerun.run.owner import Owner
owner = Owner(Path(sys.argv[1]))
child = os.fork() if "fork" in sys.argv else None
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
"""


def holder(directory, *arguments):
    command = [sys.executable, "-c", HOLD, str(directory), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("forked", [False, True])
def test_another_process_is_refused_and_a_dead_one_is_not_in_the_way(tmp_path, forked):
    process, child = holder(tmp_path, *(["fork"] if forked else []))
    with process:
        with pytest.raises(RunError) as refused:
            Owner(tmp_path)
        for part in (f"process {process.pid} on {socket.gethostname()}", "since 20", str(tmp_path)):
            assert part in str(refused.value)
        process.kill()
    # A forked child, such as a worker of a loader, may live on for a while.
    Owner(tmp_path).release()
    if forked:
        os.kill(int(child), signal.SIGKILL)


def test_it_is_given_back(tmp_path):
    owner = Owner(tmp_path)
    assert json.loads((tmp_path / "owner.json").read_text())["pid"] == os.getpid()
    owner.release()
    owner.release()
    assert not (tmp_path / "owner.json").exists()
    Owner(tmp_path).release()


def note(directory, seconds_ago):
    path = directory / "owner.json"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": "2026-01-01T00:00:00+00:00"}))
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_another_host_is_waited_for(tmp_path):
    note(tmp_path, 200)
    with pytest.raises(RunError, match=r"process 7 on elsewhere .* sign of life 200 s ago.*after 300 s without one"):
        Owner(tmp_path)
    note(tmp_path, 400)
    Owner(tmp_path).release()


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_note_that_is_none_is_no_owner(tmp_path, text):
    (tmp_path / "owner.json").write_text(text)
    Owner(tmp_path).release()


def test_the_age_of_a_sign_is_by_one_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)  # this host's clock is decades behind
    path = tmp_path / "owner.json"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    now = path.stat().st_mtime
    os.utime(path, (now - 400, now - 400))
    Owner(tmp_path).release()
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    with pytest.raises(RunError, match="sign of life 0 s ago"):
        Owner(tmp_path)


def test_an_owner_that_was_replaced_finds_out_and_leaves_the_other_one_alone(tmp_path):
    owner = Owner(tmp_path)
    owner.check()
    # The same host and process number, as in another container, and another number of its own.
    other = {**json.loads((tmp_path / "owner.json").read_text()), "nonce": "0123"}
    (tmp_path / "owner.json").write_text(json.dumps(other))
    with pytest.raises(RunError, match=rf"process {os.getpid()} on .* has taken it over"):
        owner.check()
    owner.release()
    assert json.loads((tmp_path / "owner.json").read_text()) == other


def test_signs_of_life_go_on_after_a_failure_of_the_disk(tmp_path, monkeypatch):
    utime, outcomes, beaten = os.utime, [OSError(errno.EIO, "failed")], threading.Event()

    def failing_once(path):
        if outcomes:
            raise outcomes.pop()
        utime(path)
        beaten.set()

    monkeypatch.setattr(owner_module, "_BEAT", 0.01)
    monkeypatch.setattr(os, "utime", failing_once)
    owner = Owner(tmp_path)
    assert beaten.wait(20)
    assert not outcomes
    owner.release()
