"""What ``%rng`` and ``%rng journal`` show, as text and as HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from samerun.notebook.view import Bar, Table, Text, share


class Balanced(HTMLParser):
    """Finds tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_journal_has_a_line_for_each_cell_and_a_bar_for_each_source(cells):
    cells(
        "random.seed(4)", "torch.rand(1000);", "%%isolate\nrandom.random()", "%%stream train\ntorch.rand(5);", "x = 1"
    )
    table = cells("%rng journal")
    lines = repr(table).splitlines()
    assert lines[0] == "What cells drew"
    assert lines[1].split() == "# cell code sequence python torch.cpu state before → after".split()
    assert re.match(r"1 +In\[4\] +random.seed\(4\) +set +\w{6} → \w{6}$", lines[2])
    assert re.match(r"2 +In\[5\] +torch.rand\(1000\); +1,000 +\w{6} → \w{6}$", lines[3])
    assert re.match(r"3 +In\[6\] +random.random\(\) +put back +2 +\w{6} → \w{6}$", lines[4])
    assert re.match(r"4 +In\[7\] +torch.rand\(5\); +train +5 +\w{6} → \w{6}$", lines[5])
    assert re.match(r"5 +In\[8\] +x = 1 +\w{6}$", lines[6])
    html = table._repr_html_()
    Balanced(html)
    assert html.count('class="bar"') == 3
    assert html.count("border: 1px solid #") == 1  # what was put back is hollow


def test_the_states_meet(cells):
    cells("random.random()", "random.random()", "%rng rewind In[4]", "random.random()")
    states = [line.split("  ")[-1].strip().split(" → ") for line in repr(cells("%rng journal")).splitlines()[2:]]
    assert states[0][1] == states[1][0]
    assert states[3] == states[0]


def test_only_the_newest_are_shown_unless_all_are_asked_for(cells):
    cells(*["x = 1"] * 30)
    assert "10 earlier cells: %rng journal --all" in repr(cells("%rng journal"))
    assert len(repr(cells("%rng journal --all")).splitlines()) == 2 + 31


def test_the_sources_with_who_drew_last(cells):
    cells("random.seed(4)", "random.random()", "%%stream train --seed 3\ntorch.rand(1);", "%rng guard train")
    table = cells("%rng")
    lines = repr(table).splitlines()
    assert re.match(r"python +\w{6} +2 since seed 4 +In\[5\]  random.random\(\)$", lines[2])
    assert re.match(r"torch.cpu +\w{6} +0 since seed 3 +none$", lines[4])
    assert re.match(r"stream 'train': began from seed 3; now \w{6}; last cell: In\[6\]$", lines[5])
    assert lines[6] == "guard: cells that draw and are not marked '# samerun: train' get a sequence of their own"
    Balanced(table._repr_html_())


def test_code_cannot_become_html(cells):
    cells("x = '<script>alert(1)</script>'")
    html = cells("%rng journal")._repr_html_()
    assert "<script>" not in html
    Balanced(html)


def test_parts():
    assert Text("").html() == ""
    assert Text("a<b", "code").html() == '<code class="code">a&lt;b</code>'
    assert "width: 50%" in Bar("3", 0.5, 0).html()
    assert share(3, 0) == 0.0
    assert 0 < share(1, 1000) < share(10, 1000) < share(1000, 1000) == 1.0
    assert repr(Table("t", ("a", "bb"), [(Text("ccc"), Text(""))])) == "t\na    bb\nccc"
