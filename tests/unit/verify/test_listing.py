"""What scenarios cost, in the list and in the documentation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from samerun.verify import all_scenarios, choose
from samerun.verify.listing import as_json, costs, show

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def lines():
    file = io.StringIO()
    show(all_scenarios(), Console(width=80, file=file))
    return file.getvalue().splitlines()


def line(lines, words):
    (found,) = (found for found in lines if words in found)
    return found.split()


def test_it_fits_80_columns_and_names_costs_and_sets(lines):
    assert max(map(len, lines)) <= 80
    assert line(lines, "repeat")[-6:] == ["1", "t", "1", "t", "1", "t"]
    assert line(lines, "workers")[-6:] == ["4", "t", "1", "t", "4", "t"]
    assert line(lines, "ranks")[-2:] == ["4", "t"]
    assert line(lines, "clock")[-4:] == ["1", "t*", "1", "t*"]
    assert line(lines, "all of them")[-6:] == ["11.5", "t", "5.5", "t", "15.5", "t"]


def test_those_that_share_a_run_have_one_cost():
    found = costs(choose(only=["repeat", "order", "clock", "workers"]))
    assert found == {("repeat",): 1, ("workers",): 4, ("order", "clock"): 1}
    assert costs(choose(quick=True), quick=True)["workers",] == 1


def test_json_has_the_same():
    found = {entry["name"]: entry for entry in as_json(all_scenarios())}
    clock, workers = found["clock"], found["workers"]
    assert (clock["cost"], clock["quick_cost"], clock["joins"], clock["default"]) == (1, None, True, True)
    assert (workers["cost"], workers["quick_cost"]) == (4, 1)
    assert not found["ranks"]["default"]


def test_the_documentation_has_the_same():
    text = (DOCS / "reference" / "verify.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([\d.]+) t(\*?) \| (?:([\d.]+) t)? ?\|$", text, re.MULTILINE)
    documented = [(name, float(cost), bool(star), float(quick) if quick else None) for name, cost, star, quick in rows]
    assert documented == [
        (entry["name"], entry["cost"], entry["joins"], entry["quick_cost"]) for entry in as_json(all_scenarios())
    ]
    default, quick = (1 + sum(found.values()) for found in (costs(choose()), costs(choose(quick=True), quick=True)))
    words = " ".join(text.split())
    assert f"With the first run the default set costs {default:g} t, `--quick` {quick:g} t." in words
    how = " ".join((DOCS / "howto" / "verify.md").read_text().split())
    assert f"The default set costs {default:g} of them, `--quick` {quick:g}." in how
