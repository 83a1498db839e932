"""What is said of ordinary training scripts, and that each is the same in every scenario once it was changed so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from samerun.verify import Report, Script, choose, verify

SCRIPTS = Path(__file__).parents[2] / "examples" / "verify"

#: The scripts and how they are told where to write.
OUT = {
    "kaggle_loop": "--out",
    "hf_trainer": "--out",
    "lightning_module": "--out",
    "accelerate_loop": "--output_dir",
}

#: How often each cause is found, by scenario.
FAULTS = {
    "kaggle_loop": {
        "workers": {"item-content": 3},
        "eda": {"generator-ahead": 2},
        "interrupt": {"forgotten-piece": 4, "resume-fails": 1},
    },
    "hf_trainer": {
        "workers": {"item-content": 3},
        "eda": {"generator-ahead": 2},
        "interrupt": {"forgotten-piece": 4, "resume-fails": 1},
    },
    "lightning_module": {
        "workers": {"item-content": 3},
        "eda": {"generator-ahead": 2},
        "interrupt": {"forgotten-piece": 5},
    },
    "accelerate_loop": {
        "workers": {"item-content": 3},
        "eda": {"generator-ahead": 2},
        "interrupt": {"generator-ahead": 5},
    },
}

#: What is said of a resume that the framework does, and what to do about it.
SAID = {
    "kaggle_loop": ("without the state of torch's CPU generator", "samerun.restore() it last"),
    "hf_trainer": ("and was restored only after that", "get_train_dataloader"),
    "lightning_module": ("its first batch is that of step 0", "on_save_checkpoint"),
    "accelerate_loop": ("although it was restored", "register_for_checkpointing"),
}

#: What to do about a checkpoint that was torn, where it can be.
TORN = {"kaggle_loop": "os.replace()", "hf_trainer": "on_save"}


@pytest.fixture(autouse=True)
def threads_that_wait_quietly(monkeypatch):
    """Let threads of runs side by side not take each other's time; it changes no bits."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def tried(name: str, *only: str, quick: bool = False) -> Report:
    script = Script((sys.executable, f"{name}.py", OUT[name.removesuffix("_exact")], "{out}"), cwd=SCRIPTS)
    return verify(script, choose(only=only), quick=quick)


def faults(report: Report) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for outcome in report.outcomes:
        if outcome.status in ("differs", "failed"):
            causes = found.setdefault(outcome.scenario, {})
            causes[outcome.cause] = causes.get(outcome.cause, 0) + 1
    return found


@pytest.mark.slow
def test_a_loop_that_saves_no_generators_is_not_the_same_when_it_is_resumed():
    report = tried("kaggle_loop", "repeat", "interrupt", quick=True)
    (repeat,), (interrupt,) = report.of("repeat"), report.of("interrupt")
    assert repeat.status == "same"
    assert (interrupt.status, interrupt.step, interrupt.cause) == ("differs", 14, "forgotten-piece")
    assert interrupt.place == "kaggle_loop.py:114 in main"
    assert all(
        part in said for part, said in zip(SAID["kaggle_loop"], (interrupt.reason, interrupt.advice), strict=True)
    )
    assert report.exit_code == 1


@pytest.mark.verdicts
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FAULTS)
def test_an_ordinary_script(name):
    report = tried(name)
    assert faults(report) == FAULTS[name]
    resumed = [found for found in report.of("interrupt") if found.status == "differs" and found.cause != "resume-fails"]
    shows, advice = SAID[name]
    assert all(shows in " ".join((found.reason, *found.notes)) for found in resumed)
    assert all(advice in found.advice for found in resumed)
    fed = [found for found in report.of("workers") if found.status == "differs"]
    assert all(("samerun.DataLoader(...," if name == "kaggle_loop" else advice) in found.advice for found in fed)
    torn = [found.advice for found in report.of("interrupt") if found.cause == "resume-fails"]
    assert all(TORN[name] in advice for advice in torn)


@pytest.mark.verdicts
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FAULTS)
def test_it_is_the_same_in_every_scenario_once_it_was_changed_as_advised(name):
    report = tried(f"{name}_exact")
    assert {outcome.name: outcome.status for outcome in report.outcomes if outcome.status != "same"} == {}
    assert any(found.start for outcome in report.of("interrupt") for found in outcome.resumptions)
