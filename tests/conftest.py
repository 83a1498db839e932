"""Fixtures that tests of several folders share."""

from browser import chromium

__all__ = ["chromium"]
