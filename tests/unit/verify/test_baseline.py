from __future__ import annotations

from dataclasses import replace

import pytest

from samerun.errors import VerifyError
from samerun.verify.baseline import accept, no_longer, read, write
from verdicts import DIFFERS, ENVIRONMENTAL, FAILED, SAME, SKIPPED, report


def test_what_differs_now_is_written_and_accepted(tmp_path):
    path = tmp_path / "baseline.json"
    before = report(SAME, DIFFERS, ENVIRONMENTAL, FAILED)
    assert write(path, before) == ("workers: 3 workers, persistent",)
    assert read(path) == ("workers: 3 workers, persistent",)
    after = accept(report(SAME, DIFFERS), read(path))
    assert [outcome.accepted for outcome in after.outcomes] == [False, True]
    assert (report(SAME, DIFFERS).exit_code, after.exit_code) == (1, 0)


def test_a_new_difference_counts_and_what_could_not_run_is_never_accepted():
    new = replace(DIFFERS, trial="2 workers")
    assert accept(report(DIFFERS, new), [DIFFERS.name]).exit_code == 1
    assert accept(report(FAILED), [FAILED.name]).exit_code == 2


def test_the_name_of_a_scenario_accepts_all_its_trials():
    new = replace(DIFFERS, trial="2 workers")
    assert accept(report(DIFFERS, new), ["workers"]).exit_code == 0
    assert accept(report(DIFFERS), ["work"]).exit_code == 1


def test_what_no_longer_differs_is_named_if_it_was_tried():
    names = ["workers: 3 workers, persistent", "workers: 9 workers", "repeat", "eda: between steps", "save", "order"]
    assert no_longer(report(SAME, DIFFERS, SKIPPED, FAILED), names) == ("workers: 9 workers", "repeat")


@pytest.mark.parametrize("text", ["{", "[]", '{"accepted": "all"}', '{"accepted": [1]}', "{}"])
def test_what_is_no_baseline_is_refused(tmp_path, text):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(VerifyError, match=r"baseline\.json: is no (JSON|baseline)"):
        read(path)


def test_a_baseline_that_is_missing_is_refused(tmp_path):
    with pytest.raises(VerifyError, match="--write-baseline"):
        read(tmp_path / "none.json")
