"""What stands in the place of a marked test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from samerun.integrations.pytest import MARKER
from samerun.integrations.pytest.trying import Options, options, settle, tried
from samerun.verify.script import OUT

__all__ = ["Tried"]


class Tried(pytest.Item):
    """A test that runs another test in processes; that one's fixtures are made there and not here."""

    def __init__(self, *, original: pytest.Item, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._original = original
        self.own_markers = list(original.own_markers)
        self.keywords.update(original.keywords)
        # Conditions of marks such as skipif are looked up in its module.
        self.obj = getattr(original, "obj", None)

    @classmethod
    def of(cls, original: pytest.Item) -> Tried:
        """Return the one for a test."""
        assert original.parent is not None
        found: Tried = cls.from_parent(original.parent, name=original.name, original=original)
        return found

    def runtest(self) -> None:
        """Run the test under scenarios; fail with the verdict."""
        asked = self._options()
        report = tried(self.config, asked, self.nodeid, tuple(self._command()), cwd=self.config.rootpath)
        self.add_report_section("call", "samerun", settle(report, self.nodeid))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self._original.reportinfo()

    def _options(self) -> Options:
        given: dict[str, Any] = {}
        for mark in reversed(list(self.iter_markers(MARKER))):  # the closest one comes first, and counts most
            if mark.args:
                pytest.fail(f"@pytest.mark.{MARKER}{mark.args!r}: give every argument a name", pytrace=False)
            given.update(mark.kwargs)
        return options(f"@pytest.mark.{MARKER}", given)

    def _command(self) -> Iterator[str]:
        """Yield the command, for a copy of the root folder."""
        config = self.config
        yield from (sys.executable, "-m", f"{__package__}.inside", OUT, self.nodeid)
        yield from ("--rootdir=.", "--confcutdir=.", f"--import-mode={config.getoption('importmode')}")
        yield from ("-c", os.devnull if config.inipath is None else _relative(config.inipath, config.rootpath))
        for plugin in config.getoption("plugins"):
            yield from ("-p", plugin)
        # What the settings add to every command is for the process that collects and reports.
        for setting in (*(config.getoption("override_ini") or ()), "addopts="):
            yield from ("-o", setting)


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
