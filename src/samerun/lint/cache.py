"""What was found in a file, kept until the file, what it imports, the settings or the rules change."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from samerun._version import __version__
from samerun.lint.finding import Edit, Finding, Fix, Range
from samerun.lint.project import Project
from samerun.lint.registry import all_rules
from samerun.lint.rule import Rule
from samerun.lint.source import digest

__all__ = ["FOLDER", "Cache"]

#: Where it is, beside the nearest `pyproject.toml`.
FOLDER = ".samerun_cache"

# What tools that copy and archive folders look for: https://bford.info/cachedir/
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# What samerun keeps to be quick; it can be deleted.\n"


class Cache:
    """The findings of a project's files, one JSON file for each.

    An entry that is damaged counts as none. A folder that cannot be written to is left alone.

    Args:
        folder: where the project's `pyproject.toml` is.
        project: what knows the files that were read to check another one.
    """

    def __init__(self, folder: Path, project: Project) -> None:
        self._folder = f"{folder}/{FOLDER}/lint"
        self._project = project

    def get(self, path: Path, data: bytes, rules: Iterable[Rule], pedantic: bool) -> tuple[Finding, ...] | None:
        """Return what was found in a file when all was as it is now; None if that is not known."""
        whole = os.path.abspath(path)  # noqa: PTH100 - a tenth of the time of Path.absolute
        try:
            with open(self._entry(whole), "rb") as file:  # noqa: PTH123 - a tenth of the time of Path.open
                check, _, text = file.read().partition(b"\n")
            if check != _digest(text):
                return None
            entry = json.loads(text)
            if entry["key"] != _key(whole, data, rules, pedantic) or not self._project.is_as_it_was(entry["read"]):
                return None
            return tuple(_finding(found) for found in entry["findings"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, path: Path, data: bytes, rules: Iterable[Rule], pedantic: bool, findings: Iterable[Finding]) -> None:
        """Keep what was found in a file, whole or not at all."""
        whole = os.path.abspath(path)  # noqa: PTH100
        entry = {
            "key": _key(whole, data, rules, pedantic),
            "read": self._project.what_was_read(whole),
            "findings": [_as_json(finding) for finding in findings],
        }
        text = json.dumps(entry, separators=(",", ":")).encode()
        try:
            self._write(self._entry(whole), b"%b\n%b" % (_digest(text), text))
        except OSError:
            return  # the next one who asks has to wait, and that is all

    def _entry(self, path: str) -> str:
        return f"{self._folder}/{digest(os.fsencode(path))}.json"

    def _write(self, path: str, data: bytes) -> None:
        if not os.path.isdir(self._folder):  # noqa: PTH112
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103
            above = Path(self._folder).parent
            (above / "CACHEDIR.TAG").write_text(_TAG)
            (above / ".gitignore").write_text("*\n")
        temporary = f"{path}.{os.getpid()}-{threading.get_ident()}"
        try:
            with open(temporary, "wb") as file:  # noqa: PTH123
                file.write(data)
            os.replace(temporary, path)  # noqa: PTH105
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _digest(data: bytes) -> bytes:
    return digest(data).encode()


def _key(path: str, data: bytes, rules: Iterable[Rule], pedantic: bool) -> str:
    settings = (_versions(), path, [rule.code for rule in rules], pedantic)
    return blake2b(data, digest_size=16, key=_digest(json.dumps(settings).encode())).hexdigest()


@cache
def _versions() -> str:
    """Return what tells the code that checks: samerun's, that of other packages' rules, and Python, which parses."""
    modules = {rule.check.__module__ for rule in all_rules()} | {
        name for name in sys.modules if name.startswith("samerun.lint")
    }
    files = sorted({getattr(sys.modules[name], "__file__", None) or name for name in modules})
    return json.dumps((__version__, sys.version, [(file, *_state(file)) for file in files]))


def _state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _as_json(finding: Finding) -> list[Any]:
    fix = finding.fix
    edits = [] if fix is None else [[*_numbers(edit.range), edit.text] for edit in fix.edits]
    cure = None if fix is None else [edits, fix.safe, fix.summary]
    return [finding.code, finding.message, _numbers(finding.range), cure, finding.pedantic]


def _numbers(place: Range) -> list[int]:
    return [place.line, place.column, place.end_line, place.end_column, place.cell]


def _finding(found: list[Any]) -> Finding:
    code, message, place, cure, pedantic = found
    fix = None
    if cure is not None:
        edits, safe, summary = cure
        fix = Fix(tuple(Edit(Range(*edit[:5]), edit[5]) for edit in edits), safe, summary)
    return Finding(code, message, Range(*place), fix, pedantic)
