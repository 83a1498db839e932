"""Following the user's code line by line: with ``sys.monitoring`` where Python has it, else with ``sys.settrace``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, Protocol

from samerun.errors import TraceError
from samerun.tracing.sites import is_user_code, user_frames

__all__ = ["Follower", "follow", "pause"]

# Set by us on purpose and by nobody else: torch's own profilers and coverage take the lower ones.
_TOOL = 4
_NAME = "samerun"


class Follower(Protocol):
    """What is told about the user's code. It must run none of it, and raise nothing."""

    def entered(self, frame: FrameType) -> None:
        """Be told that a function of the user's begins, or a generator of the user's goes on."""

    def reached(self, frame: FrameType) -> None:
        """Be told that a line of the user's is about to be executed."""

    def left(self, frame: FrameType) -> None:
        """Be told that a function of the user's ends, yields or is left by an exception."""


def follow(follower: Follower) -> AbstractContextManager[None]:
    """Tell ``follower`` about the user's code of this thread until the context ends, also in functions already entered.

    Raises:
        TraceError: on entering, if a debugger or coverage follows the code already.
    """
    return _by_monitoring(follower) if sys.version_info >= (3, 12) else _by_settrace(follower)


def pause() -> Callable[[], None] | None:
    """Stop telling about this thread where that makes our own code slow, and return what goes on with it.

    ``None`` where nothing is followed, or not in a way that costs anything outside of the user's code.
    """
    following = sys.gettrace()
    if type(following) is not _Tracer:
        return None
    sys.settrace(None)
    return following.resume


class _Tracer:
    """What ``sys.settrace`` is given."""

    __slots__ = ("_entered", "local")

    def __init__(self, follower: Follower) -> None:
        told = {"line": follower.reached, "return": follower.left}

        def local(frame: FrameType, event: str, _argument: Any) -> Any:
            if (tell := told.get(event)) is not None:
                tell(frame)
            return local

        self.local = local
        self._entered = follower.entered

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        if not is_user_code(frame.f_code):
            return None
        self._entered(frame)
        return self.local

    def resume(self) -> None:
        """Go on after :func:`pause`."""
        sys.settrace(self)


@contextmanager
def _by_settrace(follower: Follower) -> Iterator[None]:
    if (other := sys.gettrace()) is not None:
        raise _taken(f"{getattr(other, '__module__', None) or type(other).__module__} has set sys.settrace")
    tracer = _Tracer(follower)
    entered = list(user_frames(sys._getframe(2)))
    for frame in entered:
        frame.f_trace = tracer.local
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(None)
        for frame in (*entered, *user_frames(sys._getframe(1))):
            frame.f_trace = None


@contextmanager
def _by_monitoring(follower: Follower) -> Iterator[None]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]  # new in Python 3.12
    if (other := monitoring.get_tool(_TOOL)) is not None:
        raise _taken(f"{other} uses tool {_TOOL} of sys.monitoring")
    thread = get_ident()

    def telling(tell: Callable[[FrameType], None], *, may_disable: bool) -> Callable[..., Any]:
        def callback(code: CodeType, *_: Any) -> Any:
            if not is_user_code(code):
                return monitoring.DISABLE if may_disable else None
            if get_ident() == thread:
                tell(sys._getframe(1))
            return None

        return callback

    events = monitoring.events
    callbacks = {
        events.PY_START: telling(follower.entered, may_disable=True),
        events.PY_RESUME: telling(follower.entered, may_disable=True),
        events.PY_THROW: telling(follower.entered, may_disable=False),
        events.LINE: telling(follower.reached, may_disable=True),
        events.PY_RETURN: telling(follower.left, may_disable=True),
        events.PY_YIELD: telling(follower.left, may_disable=True),
        events.PY_UNWIND: telling(follower.left, may_disable=False),
    }
    monitoring.use_tool_id(_TOOL, _NAME)
    try:
        for event, callback in callbacks.items():
            monitoring.register_callback(_TOOL, event, callback)
        monitoring.set_events(_TOOL, sum(callbacks))
        monitoring.restart_events()
        yield
    finally:
        monitoring.set_events(_TOOL, 0)
        for event in callbacks:
            monitoring.register_callback(_TOOL, event, None)
        monitoring.free_tool_id(_TOOL)


def _taken(what: str) -> TraceError:
    return TraceError("who draws", f"cannot be followed: {what}; run without a debugger and without coverage")
