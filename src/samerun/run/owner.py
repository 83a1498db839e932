"""One owner for a run's directory."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from samerun.errors import RunError

__all__ = ["Owner"]

# Seconds between two signs of life, and without one until an owner on another host is taken for dead.
_BEAT, _DEAD = 20.0, 300.0


class Owner:
    """Holds a directory for this process until :meth:`release`, or its death.

    On one host the system's file lock decides, which ends with the process. Some network file systems do not share
    locks between hosts, so the owner also shows a sign of life every 20 s in ``owner.json``, and another host waits
    for five minutes without one before it takes over. All times are those of the file system, whatever the hosts'
    clocks say. An owner that was taken for dead finds out in :meth:`check`.

    Raises:
        RunError: naming host, process and since when, if somebody alive has the directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._note = directory / "owner.json"
        self._lock = FileLock(directory / "owner.lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise RunError(
                str(directory), f"{_described(_read(self._note))} is running it; wait for it, or stop it"
            ) from None
        try:
            self._refuse_other_host()
            self._sign()
        except BaseException:
            self._lock.release()
            raise
        self._stopped = threading.Event()
        threading.Thread(target=self._keep_beating, name="samerun-owner", daemon=True).start()

    def check(self) -> None:
        """Make sure that nobody has taken over, as before each change to the directory.

        Raises:
            RunError: naming who has it now.
        """
        found = _read(self._note)
        if found and found != self._text:
            reason = (
                f"{_described(found)} has taken it over, because this process gave no sign of life for {_DEAD:.0f} s;"
                " nothing more is written here, and it goes on there from the last checkpoint"
            )
            raise RunError(str(self._directory), reason)

    def release(self) -> None:
        """Give the directory back; allowed twice."""
        if not self._stopped.is_set():
            self._stopped.set()
            if _read(self._note) == self._text:
                self._note.unlink(missing_ok=True)
            self._lock.release()

    def _refuse_other_host(self) -> None:
        found = _read(self._note)
        if found.get("host") in (None, socket.gethostname()):
            return
        lock = Path(self._lock.lock_file)
        os.utime(lock)  # by the clock that the signs of life are stamped with
        age = lock.stat().st_mtime - self._note.stat().st_mtime
        if age < _DEAD:
            reason = (
                f"{_described(found)} is running it, and gave a sign of life {age:.0f} s ago; it is taken for dead"
                f" after {_DEAD:.0f} s without one"
            )
            raise RunError(str(self._directory), reason)

    def _sign(self) -> None:
        # The number tells this owner from another one with the same host and process number.
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._text = {"host": socket.gethostname(), "pid": os.getpid(), "since": since, "nonce": secrets.token_hex(8)}
        temporary = self._note.with_suffix(".new")
        temporary.write_text(json.dumps(self._text))
        temporary.replace(self._note)

    def _keep_beating(self) -> None:
        while not self._stopped.wait(_BEAT):
            with suppress(OSError):  # a disk that is away for a while may come back; if not, saving says so
                if _read(self._note) == self._text:
                    os.utime(self._note)


def _read(note: Path) -> dict[str, Any]:
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _described(found: dict[str, Any]) -> str:
    if not found:
        return "another process"
    return f"process {found.get('pid')} on {found.get('host')} (since {found.get('since')})"
