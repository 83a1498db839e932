from __future__ import annotations

import re

import pytest

from samerun.lab import all_experiments, find_experiment


def test_experiments_come_in_the_order_of_their_numbers_each_with_one():
    numbers = [found.number for found in all_experiments()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 6


def test_names_are_for_a_command_line_and_unique():
    names = [found.name for found in all_experiments()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


@pytest.mark.parametrize("found", all_experiments(), ids=lambda found: found.name)
def test_every_experiment_is_told_in_two_languages(found):
    for text in (found.title, found.question, found.hypothesis):
        assert re.search(r"[a-z]", text.en)
        assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text.en)
        assert re.search(r"[\u3040-\u30ff]", text.ja)
        assert text.en.count("`") % 2 == text.ja.count("`") % 2 == 0


@pytest.mark.parametrize("found", all_experiments(), ids=lambda found: found.name)
def test_an_experiment_is_found_by_name_and_by_number(found):
    assert find_experiment(found.name) is find_experiment(str(found.number)) is found


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match=r"no experiment 'phrenology'; there are: generator-states, worker-seeds"):
        find_experiment("phrenology")
