"""The whole lab, once, and its page in a browser."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from browser import opened
from samerun.lab import all_experiments

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXPERIMENTS = all_experiments()
JAPANESE = re.compile(r"[\u3040-\u30ff]")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("lab")
    before = processor_seconds()
    answer = subprocess.run(
        [sys.executable, "-m", "samerun", "lab", "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (out / "seconds").write_text(str(processor_seconds() - before))
    return out


def processor_seconds() -> float:
    """Return what all processes that were started from here and have ended took, whatever else the machine did."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(params=["en-US", "ja-JP"])
def language(request) -> str:
    return request.param[:2]


@pytest.fixture(params=[1280, 360])
def page(request, report, chromium, language):
    viewport = {"width": request.param, "height": 800}
    with opened(chromium, report / "lab.html", viewport=viewport, locale=language) as page:
        yield page


def test_the_whole_lab_takes_less_than_five_minutes_of_two_cores(report):
    assert 10 < float((report / "seconds").read_text()) < 2 * 5 * 60


def test_every_conclusion_holds(report):
    figures = json.loads((report / "figures.json").read_text())
    assert figures["holds"]
    assert list(figures["experiments"]) == [experiment.name for experiment in EXPERIMENTS]


def test_every_experiment_is_there_with_its_plot_and_its_command(page):
    for experiment in EXPERIMENTS:
        section = page.locator(f"section#{experiment.name}")
        assert section.locator(".conclusion li.good").count() >= 2
        assert section.locator(".conclusion li.bad").count() == 0
        assert section.locator("svg").first.bounding_box()["height"] > 100
        assert section.get_by_text(experiment.command, exact=True).is_visible()
        page.locator(f".contents a[href='#{experiment.name}']").click()
        assert section.locator("h2").is_visible()


def test_it_speaks_the_language_of_the_browser_and_the_switch_changes_it(page, language):
    other = {"en": "ja", "ja": "en"}[language]
    for spoken in (language, other, language):
        if spoken != language or page.locator("html").get_attribute("lang") != language:
            page.locator(f"nav button[lang={spoken}]").click()
        assert page.locator("html").get_attribute("lang") == spoken
        pressed = page.locator("nav button[aria-pressed=true]").all_inner_texts()
        assert pressed == [{"en": "English", "ja": "日本語"}[spoken]]
        for experiment in EXPERIMENTS:
            text = page.locator(f"section#{experiment.name}").inner_text()
            assert getattr(experiment.title, spoken).replace("`", "") in text
            assert bool(JAPANESE.search(text)) == (spoken == "ja")


def test_nothing_is_wider_than_the_window(page):
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("innerWidth")


def test_a_request_and_an_error_would_be_noticed(page):
    page.evaluate("new Image().src = 'http://127.0.0.1:9/image.png'; console.error('trouble')")
    page.wait_for_function("performance.now() > 0")
    assert "trouble" in page.problems
    assert "http://127.0.0.1:9/image.png" in page.problems
    page.wait_for_load_state("networkidle")
    page.problems.clear()


def test_a_long_table_opens(page):
    details = page.locator("details").first
    assert not details.locator("table").is_visible()
    details.locator("summary").click()
    assert details.locator("table").is_visible()
