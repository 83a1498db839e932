"""What of a cell's outputs is compared: all but what is another thing at every run for reasons that are no one's fault.

Left out are standard error (progress bars, warnings with paths), widgets, tracebacks (the error itself is compared)
and numbers of executions. Addresses in memory, UUIDs and durations (a number with ns, µs, ms, s, min or h, or a rate
such as ``12.3it/s``) are replaced by a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

__all__ = ["Output", "comparable"]

#: What kind of output it is, and its content.
Output: TypeAlias = tuple[str, str]

_MASKS = (
    (re.compile(r"\b0x[0-9a-fA-F]{5,}\b"), "0x…"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "…uuid…"),
    (re.compile(r"\b\d+(\.\d+)?\s?(ns|µs|μs|us|ms|s|min|h|it/s|s/it)\b"), "…duration…"),
)
_WIDGET = "application/vnd.jupyter.widget"


def comparable(outputs: Iterable[Mapping[str, Any]]) -> tuple[Output, ...]:
    """Return a cell's outputs, as nbformat has them, in the form that is compared."""
    found: list[Output] = []
    for output in outputs:
        for kind, text in _parts(output):
            if kind == "stdout" and found and found[-1][0] == "stdout":  # printed at once or in pieces
                found[-1] = (kind, found[-1][1] + text)
            else:
                found.append((kind, text))
    return tuple((kind, _masked(text)) for kind, text in found)


def _parts(output: Mapping[str, Any]) -> list[Output]:
    kind = output["output_type"]
    if kind == "stream":
        return [] if output["name"] == "stderr" else [("stdout", _joined(output["text"]))]
    if kind == "error":
        return [("error", f"{output['ename']}: {output['evalue']}")]
    data = {name: content for name, content in output.get("data", {}).items() if not name.startswith(_WIDGET)}
    return [(name, _joined(content)) for name, content in sorted(data.items())]


def _joined(content: object) -> str:
    return "".join(map(str, content)) if isinstance(content, list) else str(content)


def _masked(text: str) -> str:
    for pattern, mark in _MASKS:
        text = pattern.sub(mark, text)
    return text
