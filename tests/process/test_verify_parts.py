"""What does not come out the same at once is tried in parts, each of which is told."""

import shlex
import sys

import pytest

from born import LOOP, Born
from samerun.verify import Conditions, Scenario, Script, Trial, choose, verify

SOUND = "import os\nall_of = lambda *names: all(name in os.environ for name in names)\n"


def variables(*names, **options):
    return Trial(" and ".join(names), Conditions(dict.fromkeys(names, "1")), **options)


def scenario(*trials, name="own", **options):
    return Scenario(name, "set variables", 1, lambda _: trials, order=0, **options)


@pytest.fixture
def tried(tmp_path, nursery):
    """Return a function that tries scenarios with a script that starts otherwise where a condition holds."""

    def outcomes(condition, *scenarios, before="", after=""):
        text = LOOP.format(before=f"{SOUND}{before}", load="", after=after)
        (tmp_path / "train.py").write_text(text.replace("manual_seed(0)", f"manual_seed({condition})"))
        processes = Born(nursery)
        report = verify(Script((sys.executable, "train.py"), cwd=tmp_path), scenarios, jobs=1, processes=processes)
        assert report.command == shlex.join([sys.executable, "train.py"])
        return [(outcome.scenario, outcome.trial, outcome.status) for outcome in report.outcomes], processes.runs - 1

    return outcomes


def joined():
    return [found for found in choose() if found.joins]


def names(*others):
    """Return the scenarios that join with how they come out: the same, or as it is said."""
    labels = "PYTHONHASHSEED=1|shuffled listings|400 days later|another folder|after another training|without saving"
    told = {found.name: "same" for found in joined()} | dict(others)
    return [(*pair, told[pair[0]]) for pair in zip(told, labels.split("|"), strict=True)]


def test_one_condition_among_many_is_found_by_halves(tried):
    found = tried("int(time.time()) // 10**7", *joined(), before="import time")
    # All six, three with the clock among them, one and the clock with another, those two, and the other three.
    assert found == (names(("clock", "differs")), 7)


def test_a_script_that_needs_what_it_saves_fails_by_nothing_else(tried):
    found, _ = tried("0", *joined(), after='torch.load("last.pt")')
    assert found == names(("save", "skipped"))


def test_what_only_some_conditions_together_show_is_told_of_the_fewest(tried):
    own = scenario(*(variables(name) for name in "ABCD"), joins=True)
    found = tried("all_of('A', 'B')", own)
    same = [("own", name, "same") for name in "ABCD"]
    assert found == ([("own", "A, B", "differs"), *same], 5)  # all, A and B, each of them, C and D


def test_trials_that_contradict_each_other_are_made_one_by_one(tried):
    values = [Trial(value, Conditions({"A": value})) for value in ("bad", "good")]
    found = tried("os.environ.get('A') == 'bad'", scenario(*values, joins=True), scenario(variables("B"), name="other"))
    assert found == ([("own", "bad", "differs"), ("own", "good", "same"), ("other", "B", "same")], 3)


def test_trials_that_must_be_like_another_run_than_the_first_are_made_one_by_one(tried):
    like = variables("X")
    parts = [variables("X", name, against=like) for name in "ABC"]
    whole = Trial("all", Conditions(dict.fromkeys("XABC", "1")), parts=tuple(parts), against=like)
    found, _ = tried("2 * all_of('X') + all_of('C')", scenario(whole))
    assert found == [
        ("own", f"X and {name}", status) for name, status in zip("ABC", ("same", "same", "differs"), strict=True)
    ]


def test_parts_have_parts_and_are_told_in_their_order(tried):
    inner = variables("A", "B", parts=(variables("A"), variables("B")))
    whole = Trial("all", Conditions(dict.fromkeys("ABC", "1")), parts=(variables("C"), inner, variables("D")))
    found, _ = tried("all_of('A')", scenario(whole))
    assert found == [("own", name, "differs" if name == "A" else "same") for name in "CABD"]
