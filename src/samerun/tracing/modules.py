"""Level 2: the output of every module, at every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from samerun.tracing.fingerprint import digest
from samerun.tracing.structure import ModuleCalls

__all__ = ["ModuleOutputs", "Output"]


@dataclass(frozen=True, slots=True)
class Output:
    """What one call of a module gave.

    Attributes:
        name: the path of the module, such as ``Net.encoder.0``.
        digest: 16 bytes that stand for all its tensors, numbers and containers.
    """

    kind: ClassVar[str] = "output"
    value: ClassVar[None] = None
    parts: ClassVar[None] = None

    name: str
    digest: bytes


class ModuleOutputs:
    """Gives ``sink`` an :class:`Output` for every call of a module that returns, while it is entered.

    What is covered: every ``torch.nn.Module`` that is called, of whatever model, also inside a checkpointed forward,
    which runs again during the backward pass. What is not: modules whose ``forward`` is called by name; modules inside
    one that is compiled, of which ``torch.compile`` makes a single function.

    The run is not changed: nothing is drawn, and the outputs are only read.
    """

    def __init__(self, sink: Callable[[Output], None]) -> None:
        self._sink = sink
        self._calls = ModuleCalls(self._returned)

    def __enter__(self) -> ModuleOutputs:
        self._calls.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._calls.__exit__()

    def _returned(self, path: str, output: Any) -> None:
        self._sink(Output(path, digest(output)))
