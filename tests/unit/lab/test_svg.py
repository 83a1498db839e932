from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from samerun.lab import Plot, Text
from samerun.lab.svg import render

TITLE = Text('A "title" < 5', "題")
LABEL = Text("x & y", "横と縦")


def draw(figure):
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], "o", label=LABEL.en)
    axes.legend()
    axes.set_xlabel(LABEL.en)


def test_a_label_stands_there_in_both_languages():
    svg = render(Plot(TITLE, draw, (LABEL,)), "plot")
    assert len(re.findall(r'<text lang="en"[^>]*>x &amp; y</text><text lang="ja"[^>]*>横と縦</text>', svg)) == 2


def test_it_is_an_svg_that_scales_and_says_what_it_is():
    root = ET.fromstring(re.sub(r"xlink:", "", render(Plot(TITLE, draw), "plot")))
    assert (root.get("role"), root.get("aria-label")) == ("img", TITLE.en)
    assert root.get("viewBox") == "0 0 540 216"
    assert root.get("width") is root.get("height") is None


def test_a_translation_of_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no label of the plot is 'z', which has a translation"):
        render(Plot(TITLE, draw, (Text("z", "深さ"),)), "plot")


def test_ids_are_unique_to_the_plot_and_references_follow_them():
    first, second = (render(Plot(TITLE, draw), name) for name in ("first", "second"))
    ids = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (first, second)]
    assert not ids[0] & ids[1]
    references = set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', first))
    assert {a or b for a, b in references} <= ids[0]
    assert references


def test_the_same_plot_is_the_same_text_and_no_figure_stays_open():
    from matplotlib import pyplot as plt

    assert render(Plot(TITLE, draw), "plot") == render(Plot(TITLE, draw), "plot")
    assert plt.get_fignums() == []
