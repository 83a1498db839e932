from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import samerun
from samerun.tracing import Trace, process


@pytest.fixture(scope="package", autouse=True)
def _what_takes_long_is_done_once():
    """List the packages and ask git once for all these traces, which takes most of a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "environment", cache(process.environment))
        patch.setattr(process, "_git", cache(process._git))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # several would wait for each other on a busy machine
        yield
        torch.set_num_threads(threads)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., Trace]]:
    """Record a training and return the trace."""
    opened: list[Trace] = []

    def recorded(training: Callable[[], Any], **options: Any) -> Trace:
        path = tmp_path / f"{len(opened)}.trace"
        with samerun.trace(path, **options):
            training()
        opened.append(Trace(path))
        return opened[-1]

    yield recorded
    for trace in opened:
        trace.close()
