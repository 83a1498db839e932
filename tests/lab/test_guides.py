"""The guides lead to every experiment, under its name and title."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from samerun.lab import all_experiments
from samerun.lab.notebook import file_name

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "language"), [("guide.md", "en"), ("ja/guide.md", "ja")])
def test_the_list_of_experiments_is_complete(page, language):
    path = DOCS / page
    rows = re.findall(r"^\| (\d+) \| (.+) \| \[`(.+)`\]\((.+)\) \|$", path.read_text(), re.MULTILINE)
    found = [(int(number), title, name, Path(link).name) for number, title, name, link in rows]
    experiments = all_experiments()
    assert found == [(e.number, getattr(e.title, language), e.name, file_name(e)) for e in experiments]
    assert all((path.parent / link).resolve().is_file() for *_, link in rows)


@pytest.mark.parametrize(("page", "word"), [("guide.md", "experiment"), ("ja/guide.md", "実験")])
def test_every_experiment_backs_an_advice(page, word):
    advice = re.findall(rf"\[{word} (\d+)\]\(\S*/(\d+)-\S+\.ipynb\)", (DOCS / page).read_text())
    assert {int(number) for number, _ in advice} == {experiment.number for experiment in all_experiments()}
    assert all(int(number) == int(file) for number, file in advice)


def test_both_guides_give_the_same_advice():
    pages = [(DOCS / page).read_text() for page in ("guide.md", "ja/guide.md")]
    shape = [re.findall(r"^(?:#+|\d+\.|\|)|/(\d+)-\S+\.ipynb|```\w+", page, re.MULTILINE) for page in pages]
    assert shape[0] == shape[1]
    code = [re.sub(r" *#.*", "", "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))) for page in pages]
    assert code[0] == code[1]
