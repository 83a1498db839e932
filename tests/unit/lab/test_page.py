from __future__ import annotations

import re

import pytest

from samerun.determinism import environment
from samerun.lab import Claim, Experiment, Mark, Outcome, Plot, Table, Text
from samerun.lab.page import page, section

TEXT = Text("a `code` & <b>", "`コード` と <b>")


def made_up(number=7, *, holds=True, folded=False):
    table = Table(Text("table", "表"), (TEXT, TEXT, TEXT), ((1234, 0.5, Mark(holds, TEXT)), ("plain", 2, TEXT)), folded)
    plot = Plot(Text("plot", "図"), lambda figure: figure.subplots().set_xlabel("x"))
    experiment = Experiment(number, f"made-up-{number}", TEXT, TEXT, TEXT, dict, lambda figures: outcome)
    outcome = Outcome({}, (Claim(TEXT, holds), Claim(TEXT, True)), (table,), (plot,))
    return experiment, outcome


def test_texts_are_escaped_in_both_languages_and_backticks_are_code():
    html = section(*made_up())
    assert '<span lang="en">a <code>code</code> &amp; &lt;b&gt;</span>' in html
    assert '<span lang="ja"><code>コード</code> と &lt;b&gt;</span>' in html
    assert "<b>✓</b>" in html


@pytest.mark.parametrize("holds", [True, False])
def test_a_sentence_that_does_not_hold_is_shown_so(holds):
    html = section(*made_up(holds=holds))
    assert ("Not so here:" in html) == ("ここでは成り立たなかった:" in html) == (not holds)
    assert html.count('<li class="good">') == 1 + holds
    assert ('<td class="bad">' in html) == (not holds)


def test_numbers_are_written_for_reading():
    html = section(*made_up())
    assert '<td class="number">1,234</td><td class="number">0.5</td>' in html


@pytest.mark.parametrize("folded", [True, False])
def test_a_long_table_is_folded(folded):
    html = section(*made_up(folded=folded))
    assert ("<details>" in html) == ("</details>" in html) == folded


def test_the_command_to_repeat_is_shown():
    assert "<code>samerun lab made-up-7</code>" in section(*made_up())


def test_the_page_holds_everything_itself():
    outcomes = dict([made_up(7), made_up(8, holds=False)])
    html = page(outcomes, environment(), 12.3)
    assert [html.count(f'<section id="made-up-{number}"') for number in (7, 8)] == [1, 1]
    assert re.findall(r'<li value="(\d)">', html) == ["7", "8"]
    assert f"torch {environment()['packages']['torch']}" in html
    assert "12 s" in html
    loaded = re.findall(r"""(?:\bsrc|(?<!xlink:)\bhref)=["']([^"'#]+)|url\(["']?([^"')#]+)|@import""", html)
    assert all((a or b).startswith("data:") for a, b in loaded)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
