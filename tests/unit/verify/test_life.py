"""A run that is killed again and again: when it is seen to begin anew each time, and when it is ended."""

import json
from pathlib import Path

import pytest

from samerun.verify import Death, Script, Trial, life
from samerun.verify.inside import injection
from samerun.verify.life import Lived, _Living, live
from samerun.verify.processes import Processes
from samerun.verify.workspace import Workspace

KILLED, TORN = Death(6, "SIGKILL"), Death(6, "SIGKILL", in_save=True)


def process(start, *saves, death=KILLED):
    told = [{"event": "begins", "step": start}, *({"event": "save", "step": step} for step in saves)]
    return Lived(Path("trace"), -9, tuple(told), death, "")


def begins_anew(*lived, saves=True):
    space = Workspace(Path("root"), Path("all"))
    there = Script(("python",)), Trial("killed"), space, Processes(), 1.0, None, lambda _: False, saves, Path("scratch")
    return _Living(*there)._begins_anew(*lived)


@pytest.mark.parametrize(
    ("lived", "anew"),
    [
        ((process(0, 4),), False),  # nothing was there
        ((process(0, 4), process(0)), True),
        ((process(0, 4), process(4)), False),
        ((process(0, 0), process(0)), False),  # what is saved before the first step is no state of the training
        ((process(0), process(0)), False),
        ((process(0), process(0, 4), process(0)), True),
        ((process(0, 4, death=TORN), process(0)), False),  # all that it saved is torn
        ((process(0, 3, 4, death=TORN), process(0)), False),  # it may look at the newest only
        ((process(0, 3, 4, death=TORN), process(0), process(0)), True),
    ],
)
def test_it_does_where_it_had_what_was_saved(lived, anew):
    assert begins_anew(*lived) is anew


def test_where_no_save_is_seen_the_third_one_shows_it():
    assert begins_anew(process(0), process(0), saves=False) is False
    assert begins_anew(process(0), process(0), process(0), saves=False) is True
    assert begins_anew(process(0), process(0), process(3), saves=False) is False


class Dying(Processes):
    """Processes that die as they are told to, and are asked a number of times meanwhile whether that is enough."""

    def __init__(self, looks=0):
        super().__init__()
        self.looks = looks
        self.deaths = []

    def run(self, argv, *, cwd, variables, log, timeout, enough=lambda: False):
        log.touch()
        planned = json.loads(variables[injection.VARIABLE])
        death = planned["disturbances"].get("deaths")
        self.deaths.append(death and death["step"])
        if any(enough() for _ in range(self.looks)):
            return None
        if death:
            with Path(planned["report"]).open("a") as report:
                report.write(json.dumps({"event": "ends"}) + "\n")
        return -9 if death else 0


def lived(tmp_path, processes, differs):
    trial = Trial("killed", deaths=(Death(1, "SIGTERM"), Death(6, "SIGKILL"), Death(9, "SIGKILL")))
    space = Workspace(tmp_path, tmp_path)
    return live(Script(("python",)), trial, space, processes, 60.0, differs=differs)


def test_the_last_process_is_not_killed(tmp_path):
    processes = Dying()
    found = lived(tmp_path, processes, lambda _: False)
    assert processes.deaths == [1, 6, 9, None]
    assert [process.death and process.death.step for process in found.processes] == [1, 6, 9, None]


def test_no_other_process_follows_one_that_is_seen_to_differ_when_it_was_killed(tmp_path):
    processes = Dying()
    found = lived(tmp_path, processes, lambda trace: trace.stem == "the resumed run")
    assert processes.deaths == [1, 6]
    assert [process.death.step for process in found.processes] == [1, 6]


def test_a_process_is_ended_when_it_is_seen_to_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(life, "_LOOK", 0.0)
    found = lived(tmp_path, Dying(looks=1), lambda _: True)
    assert [(process.code, process.death) for process in found.processes] == [(None, None)]


def test_it_is_not_looked_at_all_the_time(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(life.time, "monotonic", lambda: float(len(asked)))
    lived(tmp_path, Dying(looks=100), lambda trace: asked.append(trace) is not None)
    assert len(asked) == 3  # when each was killed; less than a second goes by in this clock
