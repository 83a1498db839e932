"""Level 3: who draws, by comparing the positions of all generators after every line of the user's code."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from samerun.errors import DiscoveryError
from samerun.rng.discovery import private_sources
from samerun.rng.source import Source
from samerun.tracing.lines import follow
from samerun.tracing.positions import Position, shared_sources
from samerun.tracing.script import instance
from samerun.tracing.sites import Stack, user_frames, user_stack

__all__ = ["Draw", "Draws"]

_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator, torch.Generator)


@dataclass(frozen=True, slots=True)
class Draw:
    """What one line of the user's code, with all it called in libraries, took from one generator.

    Attributes:
        name: the generator: ``python``, ``numpy``, ``torch.cpu``, or such as ``main.rng`` and
            ``Jitter.__call__.self.rng`` for one that a function has in a variable or holds in one.
        digest: 16 bytes that stand for its state afterwards.
        how: ``"drew"``, or ``"set"`` where no draws lead to that state: it was seeded, restored or moved back.
        count: of draws; of 32-bit words for a Mersenne Twister. ``None`` where it is not known, as for PCG64. 0 where
            only the second half of an earlier gaussian was taken, which libraries keep.
        stack: the line, and those that called it.
    """

    kind: ClassVar[str] = "draw"
    parts: ClassVar[None] = None

    name: str
    digest: bytes
    how: Literal["drew", "set"]
    count: int | None
    stack: Stack

    @classmethod
    def read(cls, name: str, digest: bytes, value: str) -> Draw:
        """Return the draw that was written as these.

        Raises:
            ValueError, KeyError, TypeError: if it was not.
        """
        told = json.loads(value)
        return cls(name, digest, told["how"], told["count"], Stack.of(told["stack"]))

    @property
    def value(self) -> str:
        """What is written beside the digest, as JSON."""
        return f'{{"how":"{self.how}","count":{json.dumps(self.count)},"stack":{self.stack.json}}}'


class Draws:
    """Gives ``sink`` a :class:`Draw` for every line of the user's code that moved a generator, while it is entered.

    What is covered: the global generators, those given, and those that are a variable of a function of the user's or
    of a module of the user's or an attribute of such a variable, from when the function is next entered; whoever in
    a library draws from them, in Python or in C, is found as the user's line that called it. What is not: other
    processes. What another thread draws is put down to the line that this thread was executing.

    Nothing is drawn and nothing changed. A line of the user's takes about 5 µs more.

    Args:
        sink: called after each such line.
        sources: beside the global ones, by name.

    Raises:
        TraceError: on entering, if a debugger or coverage follows the code already.
    """

    def __init__(self, sink: Callable[[Draw], None], sources: Mapping[str, Source[Any]] | None = None) -> None:
        self._sink = sink
        self._sources = dict(sources or {})
        self._positions: dict[str, Position[Any]] = {}
        self._known: dict[int, object] = {}  # ids are unique among living objects only
        self._counts: dict[int, int] = {}
        self._here: FrameType | None = None
        self._instruction = 0
        self._following = ExitStack()

    def __enter__(self) -> Draws:
        sources = shared_sources() | self._sources
        self._positions = {name: Position(source) for name, source in sources.items()}
        self._known = {id(held): held for source in sources.values() for held in vars(source).values()}
        around = list(user_frames(sys._getframe(1)))
        for frame in around:
            self._discover(frame)
        self._stand(around[0] if around else None)
        self._following.enter_context(follow(self))
        return self

    def __exit__(self, *error: Any) -> None:
        self._following.close()
        self._look()
        self._here = None

    def entered(self, frame: FrameType) -> None:
        """Put what was drawn before a call down to the line that calls."""
        self._look()
        self._stand(frame)
        self._counts.pop(id(frame), None)
        self._discover(frame)

    def reached(self, frame: FrameType) -> None:
        """Put what was drawn down to the line before."""
        self._look()
        self._stand(frame)
        self._discover(frame)

    def left(self, frame: FrameType) -> None:
        """Put what was drawn down to the last line of the function, and what follows to the line that called it."""
        self._look()
        self._stand(next(user_frames(frame.f_back), None))

    def _stand(self, frame: FrameType | None) -> None:
        self._here, self._instruction = frame, -1 if frame is None else frame.f_lasti

    def _look(self) -> None:
        for name, position in self._positions.items():
            if (move := position.move()) is not None:
                stack = user_stack(self._here, self._instruction)
                self._sink(Draw(name, position.digest, move.how, move.count, stack))

    def _discover(self, frame: FrameType) -> None:
        """Look at the generators that the code of a frame can see by now."""
        variables, module = frame.f_locals, frame.f_globals
        if frame.f_code.co_name != "<module>":
            self._search(id(frame), frame.f_code.co_qualname, variables)
        self._search(id(module), str(module.get("__name__")), module)

    def _search(self, scope: int, owner: str, variables: Mapping[str, object]) -> None:
        if self._counts.get(scope) == len(variables):  # as many as at the last search, so the same ones
            return
        self._counts[scope] = len(variables)
        for name, value in [*variables.items(), *_attributes(variables)]:
            if issubclass(type(value), _GENERATORS):
                self._watch(f"{owner}.{name}", value)

    def _watch(self, name: str, generator: object) -> None:
        held = generator.bit_generator if isinstance(generator, np.random.Generator) else generator
        if id(held) in self._known:
            return
        self._known[id(held)] = held
        try:
            found = list(private_sources((generator,)).values())  # none for one that is not private
        except DiscoveryError:  # it has no state that can be read
            return
        for source in found:
            while name in self._positions:
                name += "'"
            self._positions[name] = Position(source)


def _attributes(variables: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in variables.items():
        if type(value) is not ModuleType:
            yield from ((f"{name}.{attribute}", item) for attribute, item in instance(value).items())
