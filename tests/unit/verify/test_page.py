from __future__ import annotations

import re
from dataclasses import replace

import pytest

from browser import opened
from samerun.verify.html import page
from verdicts import ALL, ANEW, DIFFERS, SAME, report


def test_names_are_escaped_and_code_is_code():
    text = page(report(*ALL))
    assert "100% &lt;wrong&gt;" in text
    assert "<wrong>" not in text
    assert "<code>samerun.DataLoader</code>" in text


def test_it_says_what_was_accepted_and_that_nothing_was_resumed():
    text = page(report(SAME, replace(DIFFERS, accepted=True), ANEW))
    assert "differs, accepted" in text
    assert "Nothing was resumed; each time it was killed, it began anew." in text
    assert "Nothing was resumed" not in page(report(*ALL))
    assert 'id="causes"' not in page(report(SAME))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_the_page_opens_in_a_browser(chromium, tmp_path, scheme, width):
    (tmp_path / "report.html").write_text(page(report(*ALL)), encoding="utf-8")
    viewport = {"width": width, "height": 800}
    with opened(chromium, tmp_path / "report.html", viewport=viewport, color_scheme=scheme) as shown:
        assert shown.title() == "python train.py: differs"
        assert shown.locator("#verdict h2").inner_text().startswith("Differs 1 of 8 trials; 5 same")
        rows = shown.locator("#trials tbody tr")
        assert rows.count() == len(ALL)
        assert rows.nth(4).inner_text().split("\t")[1:3] == ["3 workers, persistent", "differs"]
        lines = (
            "cell => {const range = new Range(); range.selectNodeContents(cell); return range.getClientRects().length}"
        )
        assert {cell.evaluate(lines) for cell in shown.locator("#trials td.same, #trials td.differs").all()} == {1}
        assert shown.locator("#causes").get_by_text("train.py:7 in <module>").is_visible()
        assert shown.locator("#resumptions").get_by_text("went on from step 10").first.is_visible()
        assert shown.locator("#environment").get_by_text("AMD EPYC").is_visible()
        assert shown.evaluate("document.documentElement.scrollWidth") == shown.evaluate("innerWidth")
        back = re.findall(r"\d+", shown.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert (sum(map(int, back)) < 3 * 80) == (scheme == "dark")
