"""Where in the user's own code something happened: files that are neither Python's, nor installed, nor samerun's."""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["Site", "Stack", "file_of", "is_user_code", "is_user_file", "user_frames", "user_stack"]

_SAMERUN = str(Path(__file__).resolve().parent.parent)
# Python's own library, and where pip puts packages; a virtual environment may lie inside the user's folder.
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")
# Code that was typed or is a notebook's cell; all else without a file is generated, as by dataclasses.
_TYPED = ("<stdin>", "<ipython-input", "<doctest", "<cell")


class Site(NamedTuple):
    """A line of code.

    Attributes:
        file: as Python knows it; a file's path, or such as ``<stdin>``; ``In[3]`` for the third cell of a notebook.
        line: from 1.
        function: its qualified name, such as ``Net.forward`` or ``main.<locals>.<lambda>``.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Stack(tuple[Site, ...]):
    """The user's lines that were being executed, innermost first; those of libraries in between are left out."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[object]]) -> Stack:
        """Return the stack that was written as :attr:`json`."""
        return cls(Site(str(file), int(str(line)), str(function)) for file, line, function in rows)

    @cached_property
    def json(self) -> str:
        """The lines as JSON: ``[[file, line, function], ...]``."""
        return json.dumps(self)

    @property
    def site(self) -> Site | None:
        """The innermost line; ``None`` where no code of the user's was being executed."""
        return self[0] if self else None


def is_user_code(code: CodeType) -> bool:
    """Return whether code is the user's own."""
    return is_user_file(code.co_filename)  # a cache of code would compute its hash each time, from all of it


@cache
def is_user_file(file: str) -> bool:
    """Return whether a file of code is the user's own."""
    if file.startswith("<"):
        return file.startswith(_TYPED)
    if any(part in _INSTALLED for part in Path(file).parts):
        return False
    return not any(_lies_in(file, folder) for folder in (_SAMERUN, *_LIBRARIES))


def file_of(code: CodeType) -> str:
    """Return the file of code, or the cell as the notebook numbers it now: ``In[3]``."""
    file = code.co_filename
    if not _may_be_cell(file) or (shell := _shell()) is None:
        return file
    told = shell.compile.format_code_name(file)  # ("Cell", "In[3]"), or nothing
    return file if told is None else str(told[1])


@cache
def _may_be_cell(file: str) -> bool:
    """Return whether a file has a name that IPython or its kernel gives to cells, with a hash or a process in it."""
    return file.startswith("<ipython-input") or Path(file).parent.name.startswith("ipykernel_")


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _lies_in(file: str, folder: str) -> bool:
    return file.startswith(folder.rstrip("/\\") + ("\\" if sys.platform == "win32" else "/"))


def user_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and those that called it, innermost first, where their code is the user's own."""
    while frame is not None:
        if is_user_code(frame.f_code):
            yield frame
        frame = frame.f_back


def user_stack(frame: FrameType | None, instruction: int | None = None) -> Stack:
    """Return the user's lines at and around a frame; costs about 50 ns a frame.

    Args:
        frame: the innermost one.
        instruction: where it was, if it went on since.
    """
    codes, places = [], []
    while frame is not None:
        code = frame.f_code
        if is_user_file(code.co_filename):
            at = frame.f_lasti if instruction is None else instruction
            codes.append(code)
            places.append((file_of(code), code.co_qualname, code.co_firstlineno, at))
        frame, instruction = frame.f_back, None
    key = tuple(places)
    if (known := _stacks.get(key)) is None:
        lines = [_line(code, place[-1]) for code, place in zip(codes, places, strict=True)]
        sites = [Site(place[0], line, place[1]) for place, line in zip(places, lines, strict=True)]
        known = _stacks[key] = Stack(sites)
    return known


# Training executes the same lines again and again, so their stacks are made once.
_stacks: dict[tuple[tuple[str, str, int, int], ...], Stack] = {}


def _line(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno
