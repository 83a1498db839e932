"""Capture and restore: all sources at one moment, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from samerun.errors import Problem, StateError
from samerun.rng.discovery import private_sources
from samerun.rng.registry import global_sources, global_sources_with
from samerun.rng.source import Source
from samerun.rng.state import RngState

__all__ = ["capture", "restore", "write_all"]


def capture(*objects: object) -> RngState:
    """Read the state of every generator: all global ones, and the private ones inside ``objects``.

    Draws nothing and changes nothing; may be called at any time, any number of times.

    What is captured: Python's ``random``, NumPy's legacy global generator, torch's CPU generator, the generators of
    every initialised CUDA and XPU device and of MPS, sources registered by other packages, and whatever
    :func:`find_generators` finds in ``objects``, under the name ``objects[<position>].<path>``. What is not: generators
    inside C libraries, ``os.urandom`` and ``secrets``, a device that this process has not initialised (nothing
    has been drawn there), other processes such as DataLoader workers.

    Raises:
        DiscoveryError: for a generator in ``objects`` that has no state to capture, such as ``SystemRandom``.
    """
    return RngState.read({**global_sources(), **private_sources(objects)}.values())


def restore(state: RngState | Mapping[str, object], *objects: object, strict: bool = True) -> None:
    """Set every generator to a captured state, or raise and change nothing.

    Args:
        state: what :func:`capture` gave, here or in another process, or its ``state_dict()``.
        *objects: the same objects in the same order, or ones built alike.
        strict: whether the sources in ``state`` must be exactly those that exist here. With ``strict=False`` only
            the names that both have are restored, and the others are left as they are; each state is still checked.

    A device named in ``state`` is initialised if it is there.

    Raises:
        StateError: naming every source that is missing, unknown, or whose state cannot be one of this generator:
            wrong kind, dtype, shape or range, or refused by the generator's own library.
    """
    if not isinstance(state, RngState):
        loaded = RngState()
        loaded.load_state_dict(state)
        state = loaded
    private = private_sources(objects)
    live = global_sources_with([name for name in state if name not in private])
    write_all(state, {**live, **private}, strict=strict)


def write_all(state: RngState, sources: Mapping[str, Source[Any]], *, strict: bool) -> None:
    """Check a state against the given sources, then write it; the second half of :func:`restore`."""
    problems = _mismatched(state, sources) if strict else []
    natives: list[tuple[Source[Any], object]] = []
    for name, source in sources.items():
        if name in state:
            try:
                natives.append((source, state.native_for(source)))
            except StateError as error:
                problems += error.problems
    if problems:
        raise StateError(problems)
    _write(natives)


def _mismatched(state: RngState, sources: Mapping[str, Source[Any]]) -> list[Problem]:
    if len(state) == len(sources) and all(name in state for name in sources):
        return []
    problems = []
    for name in sources:
        if name not in state:
            advice = "capture it too, or pass strict=False to leave it as it is"
            problems.append(Problem(name, "no state", "one for every source that exists here", advice))
    for name in state.names:
        if name not in sources:
            advice = "import or initialise what owns it, pass its object, or pass strict=False to drop it"
            problems.append(Problem(name, "a state", f"only sources that exist here ({', '.join(sources)})", advice))
    return problems


def _write(natives: Sequence[tuple[Source[Any], object]]) -> None:
    # Those that can fail go first and are rolled back together; the others are written when nothing can fail any more.
    written: list[tuple[Source[Any], object]] = []
    try:
        for source, native in natives:
            if not source.write_cannot_fail:
                written.append((source, source.read()))
                source.write(native)
    except BaseException:
        for source, before in reversed(written):
            source.write(before)
        raise
    for source, native in natives:
        if source.write_cannot_fail:
            source.write(native)
