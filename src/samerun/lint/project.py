"""The modules around a file on the disk, read when a name leads into them and kept."""

from __future__ import annotations

import ast
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samerun.errors import LintError
from samerun.lint import source
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
        # What is known of the disk: the bytes of files, and which modules there are in folders.
        self._digests: dict[str, str | None] = {}
        self._listings: dict[str, str] = {}
        self._nearest: dict[str, str] = {}
        # Where it was looked for what a file imports.
        self._looked: defaultdict[str, set[str]] = defaultdict(set)

    @contextmanager
    def deeper(self) -> Iterator[bool]:
        """Go into a function or module from another one; yields whether this is not too deep to go on."""
        self._depth += 1
        try:
            yield self._depth <= _DEEPEST
        finally:
            self._depth -= 1

    def add(self, file: File, data: bytes) -> None:
        """Keep a file that was read elsewhere, and what it was made of."""
        path = os.path.abspath(file.path)  # noqa: PTH100 - a tenth of the time of Path.absolute
        self._files[path] = file
        self._digests[path] = source.digest(data)

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
        here = os.path.abspath(file.path)  # noqa: PTH100
        folder = os.path.dirname(here)  # noqa: PTH120
        looked = self._looked[here]
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)  # noqa: PTH120
            return self._load(folder, parts, looked)
        if not parts or is_library(parts[0]):
            return None
        for root in self._roots_of(folder):
            found = self._load(root, parts, looked)
            if found is not None:
                return found
        return None

    # What was read, so that it can be told whether it is still so

    def what_was_read(self, path: str) -> dict[str, dict[str, Any]]:
        """Return what the answers about a file rest on, beside the file: the modules it leads to, and how others are
        kept from being found in their place.

        Args:
            path: the file's, from the root.

        Returns:
            The digests of modules, those of the lists of modules in the folders that were looked into, and the folders
            that imports are looked for in, by the folder of the file that imports.
        """
        files: dict[str, str | None] = {}
        folders, roots, waiting = dict[str, str](), dict[str, list[str]](), [path]
        done = {path}
        while waiting:
            here = waiting.pop()
            folder = os.path.dirname(here)  # noqa: PTH120
            roots[folder] = [*self._roots_of(folder)]
            for candidate in self._looked.get(here, ()):
                if self._digests.get(candidate) is None:
                    place = self._nearest_folder(os.path.dirname(candidate))  # noqa: PTH120
                    folders[place] = self._listing(place)
                elif candidate not in done:
                    done.add(candidate)
                    files[candidate] = self._digests[candidate]
                    waiting.append(candidate)
        return {"files": files, "folders": folders, "roots": roots}

    def is_as_it_was(self, read: Mapping[str, Mapping[str, Any]]) -> bool:
        """Return whether everything is as it was when `what_was_read` returned this."""
        return (
            all(self._digest(path) == digest for path, digest in read["files"].items())
            and all(self._listing(folder) == listing for folder, listing in read["folders"].items())
            and all([*self._roots_of(folder)] == roots for folder, roots in read["roots"].items())
        )

    def _digest(self, path: str) -> str | None:
        if path not in self._digests:
            try:
                self._digests[path] = source.digest(source.read_bytes(Path(path)))
            except LintError:
                self._digests[path] = None
        return self._digests[path]

    def _listing(self, folder: str) -> str:
        """Return what tells which modules there may be in a folder."""
        if folder not in self._listings:
            try:
                names = os.listdir(folder)  # noqa: PTH208
            except OSError:
                names = []
            modules = {name for name in names if name.endswith(".py") or "." not in name} - {"__pycache__"}
            self._listings[folder] = source.digest(os.fsencode("/".join(sorted(modules))))
        return self._listings[folder]

    def _nearest_folder(self, folder: str) -> str:
        """Return a folder, or the nearest around it that there is."""
        if folder not in self._nearest:
            above = os.path.dirname(folder)  # noqa: PTH120
            there = os.path.isdir(folder) or above == folder  # noqa: PTH112
            self._nearest[folder] = folder if there else self._nearest_folder(above)
        return self._nearest[folder]

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

    def _load(self, folder: str, parts: list[str], looked: set[str]) -> File | None:
        path = os.path.join(folder, *parts)  # noqa: PTH118
        for candidate in (*([f"{path}.py"] if parts else []), f"{path}/__init__.py"):
            looked.add(candidate)
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
            data = source.read_bytes(Path(path))
            self._digests[path] = source.digest(data)
            return File.of(data, Path(path), self)
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
