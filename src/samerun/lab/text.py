"""A text in the languages of the lab."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """The same text in English and in Japanese; what stands between backticks is code."""

    en: str
    ja: str
