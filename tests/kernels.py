"""A real kernel in a process of its own, driven as a notebook's page drives it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager


@dataclass
class Answer:
    """What a cell gave."""

    status: str
    value: str = ""
    html: str = ""
    stdout: str = ""
    stderr: str = ""
    error: str = ""


class Kernel:
    """Runs cells; ``interrupt`` sends Ctrl-C once a cell has printed ``go``."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def __call__(self, cell: str, *, interrupt: bool = False) -> Answer:
        answer = Answer("")

        def collect(message: dict[str, Any]) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                setattr(answer, content["name"], getattr(answer, content["name"]) + content["text"])
                if interrupt and "go" in content["text"]:
                    self._manager.interrupt_kernel()
            elif kind in ("execute_result", "display_data"):
                answer.value = content["data"].get("text/plain", "")
                answer.html = content["data"].get("text/html", "")
            elif kind == "error":
                answer.error = f"{content['ename']}: {content['evalue']}"

        reply = self._client.execute_interactive(cell, output_hook=collect, timeout=200)
        answer.status = reply["content"]["status"]
        return answer

    def values(self, *cells: str) -> list[str]:
        """Run cells that must succeed; return what each gave."""
        answers = [self(cell) for cell in cells]
        assert all(answer.status == "ok" for answer in answers), answers
        return [answer.value for answer in answers]

    def restart(self) -> None:
        """Kill the process and start another."""
        self._manager.restart_kernel(now=True)
        self._client.wait_for_ready(timeout=200)


@contextmanager
def kernel(folder: Path, **environment: str) -> Iterator[Kernel]:
    """Start a kernel in a folder, and end it."""
    source = Path(__file__).parents[1] / "src"
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "k"))
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    manager.start_kernel(cwd=str(folder), env={**os.environ, "PYTHONPATH": path, **environment})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=200)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
