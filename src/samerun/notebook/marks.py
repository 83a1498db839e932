"""How a cell says what it is: ``%%isolate``, ``%%stream NAME``, or a comment such as ``# samerun: train``.

The line becomes a call that lasts until the cell ends. The rest stays in its place, so that ``await``, tracebacks, the
value of the last line and other magics are as they would be without it.
"""

from __future__ import annotations

import re

from IPython.core.inputtransformer2 import cell_magic

__all__ = ["marked"]

_MAGIC = re.compile(r"%%(isolate|stream)(?![\w?])(.*)")
_COMMENT = re.compile(r"#\s*samerun:\s*([\w.-]+)\s*$")


def marked(lines: list[str]) -> list[str]:
    """Return the lines of a cell with its marks turned into calls; other comments may stand before them.

    An input transformer of IPython, which is pure. ``# samerun: NAME`` is ``%%stream NAME`` for readers without
    the extension, and ``# samerun: isolate`` is ``%%isolate``.
    """
    head: list[str] = []
    found = False
    for place, line in enumerate(lines):
        call = _call(line)
        if call:
            found = True
            head.append(call)
        elif found and line.startswith("%%"):
            return [*head, *cell_magic(lines[place:])]  # type: ignore[no-untyped-call]  # IPython's own
        elif line.strip() and not line.startswith("#"):
            return [*head, *lines[place:]]
        else:
            head.append(line)
    return head


def _call(line: str) -> str:
    if magic := _MAGIC.match(line):
        name, argument = magic.groups()
    elif comment := _COMMENT.match(line):
        name, argument = ("isolate", "") if comment[1] == "isolate" else ("stream", comment[1])
    else:
        return ""
    return f"get_ipython().run_line_magic({name!r}, {argument.strip()!r})\n"
