"""The verdict as a test fails with it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from samerun.verify import Report
from samerun.verify.text import show
from samerun.verify.words import headline

__all__ = ["verdict"]

_WIDTH = 80
# Options of the command, as they are given to the marker or to ``samerun_verify``; the last one is the command's alone.
_GIVEN = {
    "--resume-cmd": "resume=",
    "--timeout=SECONDS": "timeout=SECONDS",
    "--keep=FOLDER": "by `samerun verify --keep=FOLDER`",
}


def verdict(report: Report, name: str) -> str:
    """Return the verdict; its first line says how it came out, as that is all that pytest's summary shows.

    Args:
        report: what came of it.
        name: of the test or the function; the command that ran it is no matter to whoever wrote that.
    """
    text = StringIO()
    show(replace(report, command=name), Console(file=text, width=_WIDTH, color_system=None))
    said = text.getvalue()
    for option, argument in _GIVEN.items():
        said = said.replace(option, argument)
    status, of = headline(report)
    return f"{status}: {of}\n\n{said}"
