"""When enough is known of a run that still goes on, and what is said of one that failed."""

import pytest

from runs import plain, record
from samerun.verify.judging import BEHIND, _line, has_diverged

AT = 7


def other(step, phase, kind, name):
    return "another" if (step, kind) == (AT, "loss") else plain(step, phase, kind, name)


@pytest.fixture
def first(tmp_path):
    return record(tmp_path / "first.trace")


@pytest.mark.parametrize(
    ("made", "enough"), [(AT, False), (AT + 1, False), (AT + BEHIND, False), (AT + BEHIND + 1, True)]
)
def test_it_differs_once_some_steps_behind_are_recorded(first, tmp_path, made, enough):
    assert has_diverged(first, record(tmp_path / "run.trace", other, steps=range(made), finished=None)) is enough


def test_a_run_that_is_the_same_and_one_that_goes_on_from_another_step_does_not(first, tmp_path):
    assert not has_diverged(first, record(tmp_path / "same.trace"))
    assert not has_diverged(first, record(tmp_path / "resumed.trace", steps=range(5, 20), start=5))


def test_generators_alone_make_no_difference(first, tmp_path):
    def drawn(step, phase, kind, name):
        return "another" if kind == "rng" else plain(step, phase, kind, name)

    assert not has_diverged(first, record(tmp_path / "run.trace", drawn))


def test_one_that_has_not_begun_does_not(first, tmp_path):
    assert not has_diverged(first, tmp_path / "none.trace")
    assert not has_diverged(first, record(tmp_path / "begun.trace", steps=range(0)))


TRACEBACK = """step 3
Traceback (most recent call last):
  File "{folder}/train.py", line 12, in <module>
    main()
    ~~~~^^
  File "{folder}/loops/epoch.py", line 114, in main
    load()
  File "{folder}/.venv/lib/python3.12/site-packages/torch/serialization.py", line 1568, in load
  File "/elsewhere/lib.py", line 3, in helper
OSError: [Errno 22] Invalid argument
"""


def test_the_last_line_of_the_owners_code_is_named_where_a_process_failed(tmp_path):
    output = TRACEBACK.format(folder=tmp_path)
    assert _line(output, tmp_path) == "loops/epoch.py:114 in main"
    assert _line(output.replace("/loops/epoch.py", "/../epoch.py"), tmp_path) == "train.py:12 in <module>"
    assert _line(output.replace(f"{tmp_path}/", ""), tmp_path) == "loops/epoch.py:114 in main"
    link = tmp_path.with_name("link")
    link.symlink_to(tmp_path)
    assert _line(output, link) == "loops/epoch.py:114 in main"


def test_where_none_of_it_is_named_nothing_is(tmp_path):
    assert _line(TRACEBACK.format(folder="/elsewhere"), tmp_path) == ""
    assert _line("Killed", tmp_path) == ""
