"""A browser to look at pages with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("there is no chromium to look at the page with")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, file: Path, **context: Any) -> Iterator[Any]:
    """Open a page; what it says on the console, its errors and what it asks the network for are its ``problems``."""
    around = browser.new_context(**context)
    page = around.new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else page.problems.append(sent.url))
    page.goto(file.as_uri())
    yield page
    assert page.problems == []
    around.close()
