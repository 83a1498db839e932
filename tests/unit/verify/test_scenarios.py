"""What is tried, planned from what the first run was like."""

import dataclasses
from importlib.metadata import EntryPoint

import pytest

from samerun import plugins
from samerun.errors import VerifyError
from samerun.verify import Conditions, Death, NotApplicable, Reference, Scenario, Trial, all_scenarios, choose
from samerun.verify.scenarios import eda, interrupt, ranks, registry, save, threads, workers
from samerun.verify.trial import together

NAMES = "repeat hashseed order clock elsewhere workers threads eda warm save interrupt ranks".split()
FIRST = Reference(None, 30, (0, 10, 20), frozenset({0}), 2, (5, 10, 15, 20, 25), 1)


def first(**changes):
    return dataclasses.replace(FIRST, **changes)


def plan(scenario, reference=FIRST):
    return list(scenario.SCENARIO.trials(reference))


def deaths(trials):
    return [[(death.step, death.signal, death.in_save) for death in trial.deaths] for trial in trials]


def test_there_are_these_each_with_its_own_place_and_a_summary():
    found = all_scenarios()
    assert sorted(scenario.name for scenario in found) == sorted(NAMES)
    assert len({scenario.order for scenario in found}) == len(found)
    assert all(scenario.summary and scenario.cost > 0 for scenario in found)


def test_the_default_set_costs_at_most_twelve_runs_and_the_quick_one_six():
    first_run = joined = 1
    assert first_run + joined + sum(scenario.cost for scenario in choose() if not scenario.joins) <= 12
    for has in range(4):
        tried = sum(len(plan(scenario, first(workers=frozenset({has})))) for scenario in (workers, threads))
        assert tried <= workers.SCENARIO.cost + threads.SCENARIO.cost
    quick = [scenario.quick(FIRST) for scenario in choose(quick=True)]
    assert [len(trials) for trials in quick] == [1, 1, 1, 1]  # and the first run; interrupted, it may be half one more


def test_scenarios_are_chosen_by_name_and_shown_in_their_order():
    assert [scenario.name for scenario in choose(only=["workers", "repeat"])] == ["repeat", "workers"]
    assert "eda" not in {scenario.name for scenario in choose(skip=["eda"])}
    assert {scenario.name for scenario in choose(quick=True)} == {"repeat", "workers", "eda", "interrupt"}
    assert {scenario.name for scenario in choose(everything=True)} - {s.name for s in choose()} == {"ranks"}
    with pytest.raises(VerifyError, match=r"threds.*is no scenario; there are: repeat, hashseed"):
        choose(only=["threds"])


class Entry(EntryPoint):
    def load(self):
        return self.value


@pytest.mark.parametrize(
    ("value", "reason"),
    [(42, "is a int, not a samerun.verify.Scenario"), (dataclasses.replace(eda.SCENARIO), "the name of another")],
)
def test_a_scenario_of_a_package_that_cannot_be_used_is_refused(monkeypatch, value, reason):
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Entry("mine", value, group)])
    with pytest.raises(VerifyError, match=reason):
        registry.all_scenarios.__wrapped__()


def test_a_package_can_add_a_scenario(monkeypatch):
    own = Scenario("mine", "does it my way", 1, lambda _: [Trial("mine")], order=25)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Entry("mine", own, group)])
    names = [scenario.name for scenario in registry.all_scenarios.__wrapped__()]
    assert names.index("order") < names.index("mine") < names.index("clock")


def test_every_number_of_workers_is_tried_but_the_one_it_has():
    labels = "0 workers|1 worker|2 workers|3 workers, persistent".split("|")
    for has in (0, 1, 2):
        tried = [trial.label for trial in plan(workers, first(workers=frozenset({has})))]
        assert tried == [label for number, label in enumerate(labels) if number != has]
    assert [trial.label for trial in plan(workers, first(workers=frozenset({0, 4})))] == labels
    with pytest.raises(NotApplicable, match="no torch DataLoader"):
        plan(workers, first(workers=frozenset()))


def test_one_thread_is_tried_or_two_where_it_has_one():
    assert [trial.label for trial in plan(threads, first(threads=2))] == ["1 thread"]
    assert [trial.label for trial in plan(threads, first(threads=1))] == ["2 threads"]
    assert [trial.label for trial in plan(threads, first(threads=8))] == ["1 thread"]


def test_what_says_nothing_about_a_script_says_why():
    with pytest.raises(NotApplicable, match="saves nothing"):
        plan(save, first(saves=()))
    with pytest.raises(NotApplicable, match="repeat has compared them"):
        plan(ranks, first(ranks=2))
    with pytest.raises(NotApplicable, match="3 steps"):
        plan(interrupt, first(steps=3))


def test_it_is_killed_at_six_moments_in_one_run_which_has_a_part_for_each():
    (whole,) = plan(interrupt)
    assert deaths(whole.parts) == [
        [(1, "SIGTERM", False)],
        [(16, "SIGKILL", False)],
        [(16, "SIGKILL", False), (18, "SIGKILL", False)],
        [(20, "SIGTERM", False)],
        [(10, "SIGKILL", True)],
        [(30, "SIGKILL", False)],
    ]
    assert [death.step for death in whole.deaths] == [1, 10, 16, 18, 20, 30]


@pytest.mark.parametrize(
    ("saves", "killed"),
    [((), []), ((0,), []), ((0, 20), [20]), ((20,), [20]), ((10, 20, 30), [20]), ((1, 10, 20), [20])],
)
def test_it_is_killed_in_its_second_save_so_that_there_is_something_to_lose(saves, killed):
    (whole,) = plan(interrupt, first(saves=saves))
    assert [death.step for death in whole.deaths if death.in_save] == killed


@pytest.mark.parametrize(
    ("reference", "middle"),
    [
        (first(saves=()), 15),  # no save: the middle
        (first(saves=(10, 20, 30)), 15),  # saves between epochs only
        (first(saves=(17,)), 18),  # behind the save inside the epoch
        (first(saves=(19,)), 15),  # a save before the last step, behind which there is no middle
        (first(epochs=(0,), saves=()), 15),  # one epoch
        (first(epochs=(), saves=()), 15),  # no loader
        (first(steps=6, epochs=(0, 2, 4), saves=()), 3),
    ],
)
def test_the_middle_of_an_epoch_lies_behind_a_save_if_there_is_one_in_it(reference, middle):
    (whole,) = plan(interrupt, reference)
    assert whole.parts[1].deaths[0].step == middle
    (quick,) = interrupt.SCENARIO.quick(reference)
    assert deaths([quick]) == [[(middle, "SIGKILL", False)]]


def test_trials_together_are_all_of_them_at_once():
    one = Trial("a", Conditions({"A": "1"}, {"clock": 1.0}), (Death(9, "SIGTERM"), Death(3, None)))
    other = Trial("b", Conditions({"B": "2"}, {"warm": None}, folder="there"), (Death(3, None), Death(3, None, True)))
    both = together([one, other])
    assert both.conditions == Conditions({"A": "1", "B": "2"}, {"clock": 1.0, "warm": None}, folder="there")
    assert both.deaths == (Death(3, None), Death(3, None, True), Death(9, "SIGTERM"))
    assert both.parts == (one, other)
    assert both.label == "a, b"
    deaths_of_one_moment = [Trial(name, deaths=(Death(3, name),)) for name in ("SIGTERM", "SIGKILL")]
    assert [death.signal for death in together(deaths_of_one_moment).deaths] == ["SIGKILL", "SIGTERM"]
