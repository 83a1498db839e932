"""Texts as the services read them that run tests: the annotations of GitHub's workflows, and JUnit's XML."""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["Level", "annotation", "xml_text"]

Level = Literal["error", "warning", "notice"]

# What XML 1.0 cannot hold, and the codes of terminals, which what scripts print may have.
_FORBIDDEN = re.compile("\x1b\\[[0-9;]*[A-Za-z]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def annotation(level: Level, text: str, **properties: object) -> str:
    """Return a line that GitHub's runner reads from a job's output and shows beside the code.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands

    Args:
        level: how it is shown.
        text: what it says; it may have several lines.
        properties: ``title``, ``file``, ``line``, ``endLine``, ``col`` and ``endColumn``.
    """
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{level} {given}::{_escaped(text)}"


def xml_text(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _FORBIDDEN.sub("", text)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
