"""The exceptions samerun raises.

::

    SamerunError
    ├── RunError             a run that cannot go on as it was (also a RuntimeError)
    ├── SeedError            a seed of the wrong type or out of range (also a ValueError)
    ├── StateError           a state that cannot be used as it is (also a ValueError)
    ├── DiscoveryError       generators that cannot be named or captured (also a TypeError)
    ├── RegistryError        a source that a package registered badly (also a RuntimeError)
    ├── StreamError          streams entered or left in a way that loses draws (also a RuntimeError)
    ├── DeterminismError     a setting that can no longer take effect (also a RuntimeError)
    ├── LoaderError          a loader that cannot keep its promise (also a RuntimeError)
    ├── CheckpointError      a checkpoint that cannot be written or used (also a RuntimeError)
    ├── TraceError           a trace that cannot be written, read or compared (also a RuntimeError)
    ├── VerifyError          a script that cannot be tried out (also a RuntimeError)
    ├── LintError            a file or a rule that `samerun lint` cannot use (also a RuntimeError)
    ├── NotebookError        a wish of a notebook's cell that cannot be met (also a RuntimeError)
    ├── MissingExtraError    an optional dependency is not installed (also an ImportError)
    ├── ProcessError         a process that was started for this failed (also a RuntimeError)
    └── ResumeError          a resumed run is not the uninterrupted one (also an AssertionError)

    SamerunWarning           something to know that stops nothing (a UserWarning)

Every one carries what its message says as attributes, so that a caller never parses a message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "CheckpointError",
    "DeterminismError",
    "DiscoveryError",
    "LintError",
    "LoaderError",
    "MissingExtraError",
    "NotebookError",
    "Problem",
    "ProcessError",
    "RegistryError",
    "ResumeError",
    "RunError",
    "SamerunError",
    "SamerunWarning",
    "SeedError",
    "StateError",
    "StreamError",
    "TraceError",
    "VerifyError",
]


class SamerunError(Exception):
    """The base of samerun's own exceptions; a wrong argument is a plain ``TypeError`` or ``ValueError``."""

    # By default an exception is made anew from its message alone, which these are not made from: a worker process
    # that raised one would bring its pool down.
    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


class SamerunWarning(UserWarning):
    """Something a user should know although nothing is wrong yet."""


def _rebuilt(kind: type[SamerunError], args: tuple[object, ...], attributes: dict[str, object]) -> SamerunError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class SeedError(SamerunError, ValueError):
    """A seed has the wrong type or is out of range.

    Attributes:
        found: the seed as given.
        expected: the valid range, in words.
    """

    def __init__(self, found: object, expected: str) -> None:
        self.found = found
        self.expected = expected
        wrong = f", not {found!r} ({type(found).__name__})" if found is not None else ", and there is none"
        super().__init__(f"a seed must be {expected}{wrong}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a state cannot be used: where, what was found, what was expected."""

    where: str
    found: str
    expected: str
    advice: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: found {self.found}, expected {self.expected}"
        return f"{text}; {self.advice}" if self.advice else text


class StateError(SamerunError, ValueError):
    """A state cannot be used as it is; nothing was changed.

    Attributes:
        problems: every reason found, not only the first.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        if isinstance(problems, str):  # torch's DataLoader tries this with a worker's message, and has an answer to it
            raise TypeError("problems must be an iterable of Problem, not str")
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        text = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} problems:", *lines])
        super().__init__(f"{text}\nNothing was changed.")


class DiscoveryError(SamerunError, TypeError):
    """A generator inside an object cannot be named or captured.

    Attributes:
        path: where it is.
        reason: why it cannot be handled.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class RegistryError(SamerunError, RuntimeError):
    """A package registered an RNG source that cannot be used.

    Attributes:
        provider: the entry point or the source that is at fault.
        reason: what is wrong with it.
    """

    def __init__(self, provider: str, reason: str) -> None:
        self.provider = provider
        self.reason = reason
        super().__init__(f"RNG source {provider!r}: {reason}")


class StreamError(SamerunError, RuntimeError):
    """Streams were entered or left in a way that would lose or mix draws.

    Attributes:
        stream: the name of the stream.
        reason: what happened.
    """

    def __init__(self, stream: str, reason: str) -> None:
        self.stream = stream
        self.reason = reason
        super().__init__(f"stream {stream!r}: {reason}")


class DeterminismError(SamerunError, RuntimeError):
    """A setting can no longer take effect in this process.

    Attributes:
        setting: its name.
        found: its value now.
        expected: the value it needs.
    """

    def __init__(self, setting: str, found: object, expected: object, advice: str) -> None:
        self.setting = setting
        self.found = found
        self.expected = expected
        super().__init__(f"{setting}: found {found!r}, expected {expected!r}; {advice}")


class _PlacedError(RuntimeError):
    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"{where}: {reason}")


class LoaderError(SamerunError, RuntimeError):
    """A loader cannot give the same items whatever the workers, ranks and interruptions.

    Attributes:
        where: what it is about, such as a source, a batch or an argument.
        reason: why, and what to do.
    """

    # torch's DataLoader makes a worker's error anew from its message alone.
    def __init__(self, where: str, reason: str = "") -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"{where}: {reason}" if reason else where)


class RunError(_PlacedError, SamerunError):
    """A run cannot begin, or cannot go on as the run it was.

    Attributes:
        where: what it is about, such as the directory or a call.
        reason: what was found, what was expected, and what to do.
    """


class CheckpointError(_PlacedError, SamerunError):
    """A checkpoint cannot be written, or cannot be used.

    Attributes:
        where: the directory or the file.
        reason: what was found, what was expected, and what to do.
    """


class TraceError(_PlacedError, SamerunError):
    """A trace cannot be written, read or compared.

    Attributes:
        where: the file.
        reason: what was found, what was expected, and what to do.
    """


class VerifyError(_PlacedError, SamerunError):
    """A script cannot be tried out as asked.

    Attributes:
        where: the command, the option or the file.
        reason: what was found, what was expected, and what to do.
    """


class LintError(_PlacedError, SamerunError):
    """A file, a setting or a rule that ``samerun lint`` cannot use.

    Attributes:
        where: the file, the option, the key or the rule.
        reason: what was found, what was expected, and what to do.
    """


class NotebookError(_PlacedError, SamerunError):
    """A cell of a notebook asks for something that cannot be had, or drew what is guarded.

    Attributes:
        where: the cell, the stream, the expression or the file.
        reason: what was found, what was expected, and what to do.
    """

    def _render_traceback_(self) -> list[str]:
        """Let IPython show the message without the lines of samerun that it went through."""
        return [f"{type(self).__name__}: {self}"]


class MissingExtraError(SamerunError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        package: what could not be imported.
        extra: the extra of samerun that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f'{package} is not installed; run: pip install "samerun[{extra}]"')


class ProcessError(SamerunError, RuntimeError):
    """A process that was started for this failed.

    Attributes:
        name: what the process was for.
        code: its exit code.
        output: the end of what it printed to stderr.
    """

    def __init__(self, name: str, code: int, output: str) -> None:
        self.name = name
        self.code = code
        self.output = output
        super().__init__(f"{name!r} ended with code {code}:\n{output}")


class ResumeError(SamerunError, AssertionError):
    """A run that was stopped and resumed did not end as the uninterrupted one; raised by tests.

    Attributes:
        stop: where it was stopped.
        path: the key path of the first value that differs.
        expected: what the uninterrupted run has there.
        found: what the resumed run has there.
    """

    def __init__(self, stop: str, path: str, expected: str, found: str) -> None:
        self.stop = stop
        self.path = path
        self.expected = expected
        self.found = found
        super().__init__(f"stopped at {stop} and resumed, {path or 'root'} is {found}, and without the stop {expected}")
