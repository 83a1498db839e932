"""The modules around a file on the disk, read when a name leads into them and kept."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from samerun.errors import LintError
from samerun.lint.canonical import is_library
from samerun.lint.once import Once

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = ["Project"]

# Characters of the modules that importing a file runs: beyond this nobody waits for what they do.
_MOST = 1_000_000
# Calls within calls within calls: Python's own stack has an end.
_DEEPEST = 40
_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


class Project:
    """The files that were read so far. Missing files, and those that cannot be read, are silently not there."""

    def __init__(self) -> None:
        self._files: dict[str, File | None] = {}
        self._depth = 0
        #: What functions do, and modules when they are imported.
        self.once = Once()
        self._large: dict[File, bool] = {}
        self._roots: dict[str, tuple[str, ...]] = {}

    @contextmanager
    def deeper(self) -> Iterator[bool]:
        """Go into a function or module from another one; yields whether this is not too deep to go on."""
        self._depth += 1
        try:
            yield self._depth <= _DEEPEST
        finally:
            self._depth -= 1

    def add(self, file: File) -> None:
        """Keep a file that was read elsewhere."""
        self._files[os.path.abspath(file.path)] = file  # noqa: PTH100 - a tenth of the time of Path.absolute

    def is_large(self, file: File) -> bool:
        """Return whether importing a file runs more of the project than is read, so that what that does is unknown."""
        if file not in self._large:
            self._large[file] = self._is_large(file)
        return self._large[file]

    def _is_large(self, file: File) -> bool:
        met, left, size = {file}, [file], 0
        while left:
            for module in left.pop().imported:
                if module not in met:
                    size += len(module.text)
                    if size > _MOST:
                        return True
                    met.add(module)
                    left.append(module)
        return False

    def find(self, file: File, level: int, module: str) -> File | None:
        """Return the module that an import in a file names; None for a library's, and for one that is not there.

        Args:
            file: where the import stands.
            level: the number of dots before the module.
            module: its dotted name, which may be empty after dots.
        """
        parts = module.split(".") if module else []
        folder = os.path.dirname(os.path.abspath(file.path))  # noqa: PTH100, PTH120
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)  # noqa: PTH120
            return self._load(folder, parts)
        if not parts or is_library(parts[0]):
            return None
        for root in self._roots_of(folder):
            found = self._load(root, parts)
            if found is not None:
                return found
        return None

    def named(self, file: File, statement: ast.Import | ast.ImportFrom) -> Iterator[File]:
        """Yield the modules of the project that an import names, the package before what is in it."""
        if isinstance(statement, ast.ImportFrom):
            module = statement.module or ""
            inner = f"{module}." if module else ""
            names = [(statement.level, module)]
            names += [(statement.level, f"{inner}{alias.name}") for alias in statement.names]
        else:
            names = [(0, alias.name) for alias in statement.names]
        for level, name in names:
            found = self.find(file, level, name)
            if found is not None:
                yield found

    def _load(self, folder: str, parts: list[str]) -> File | None:
        path = os.path.join(folder, *parts)  # noqa: PTH118
        for candidate in (*([f"{path}.py"] if parts else []), f"{path}/__init__.py"):
            if candidate not in self._files:
                self._files[candidate] = self._read(candidate)
            found = self._files[candidate]
            if found is not None:
                return found
        return None

    def _read(self, path: str) -> File | None:
        from samerun.lint.file import File

        if not os.path.isfile(path):  # noqa: PTH113
            return None
        try:
            return File.read(Path(path), self)
        except LintError:
            return None

    def _roots_of(self, folder: str) -> tuple[str, ...]:
        """Return where absolute imports are looked for: the folder, that around its package, the project's and src."""
        if folder not in self._roots:
            top = folder
            while os.path.isfile(f"{top}/__init__.py") and os.path.dirname(top) != top:  # noqa: PTH113, PTH120
                top = os.path.dirname(top)  # noqa: PTH120
            roots, around = [folder, top], top
            while os.path.dirname(around) != around:  # noqa: PTH120
                if any(os.path.exists(f"{around}/{mark}") for mark in _MARKS):  # noqa: PTH110
                    roots += [around, f"{around}/src"]
                    break
                around = os.path.dirname(around)  # noqa: PTH120
            self._roots[folder] = tuple(dict.fromkeys(roots))
        return self._roots[folder]
