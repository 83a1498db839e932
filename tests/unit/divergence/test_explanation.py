from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from samerun.determinism import Change
from samerun.divergence.explanation import Explanation, Place
from samerun.divergence.sequences import Finding
from samerun.tracing.format import Phase
from samerun.tracing.ops import Op
from samerun.tracing.reader import Series
from samerun.tracing.sites import Site, Stack

PLACE = Place(3, Phase.BATCH, 0, Series("loss", ""))
LINE = Stack([Site("a/very/long/path/to/the/place/where/somebody/keeps/all/of/the/scripts/train.py", 3, "main")])
BUILD = "PyTorch built with a compiler, a standard and a library, CPU capability usage: "
CHANGES = (Change("cpu.torch_capability", "AVX2", "DEFAULT"), Change("build", f"{BUILD}AVX2", f"{BUILD}DEFAULT"))


def explained(kind="made", drew="torch.cpu", repeated=(1, 1), **options):
    arguments = ", ".join(["T"] * 30)
    acts = [Op("aten.randn.default", bytes([side] * 16), (), (), arguments, stack=LINE, drew=drew) for side in (1, 2)]
    return Explanation(PLACE, (PLACE,), repeated, Finding(kind, *acts, 0), environment=CHANGES, **options)


def words(text):
    return " ".join(text.split())


def test_other_values_of_the_same_state_are_put_down_to_what_differs_around_them():
    text = explained().text()
    assert "of equal inputs and with torch's CPU generator in the same state; each run repeats its own" in words(text)
    assert "another state" not in text
    assert "The environments differ:\n  cpu.torch_capability: AVX2 and DEFAULT\n  build: …" in text
    assert "U capability usage: AVX2 and …U capability usage: DEFAULT" in text
    assert "was made by aten.randn.default" in words(explained(drew=None).text())
    assert "generator" not in explained(drew=None).text()


def test_an_operation_does_not_repeat_itself_where_a_run_does_not():
    assert "this operation does not repeat itself" in words(explained(repeated=(1, 0)).text())
    assert "does not repeat itself" not in words(explained().text())


def changed(side, repeated):
    files = ((Path("/here/train.py"), Path("/there/model.py")), ())
    return explained(changed=files[::-1] if side else files, repeated=repeated)


def test_a_run_whose_code_was_changed_is_no_race():
    for side, repeated in enumerate([(0, 1), (1, 0)]):
        found = changed(side, repeated)
        assert (found.race, found.outdated) == (False, True)
        text = words(found.text(Path("/here")))
        which = ("first", "second")[side]
        assert text.startswith(
            f"The code of the {which} run was changed since it was recorded, which is why it does something else: "
            "train.py and /there/model.py. Record that run again, or bring its code back"
        )
        assert f"The {which} run repeated its recording 0 times out of 1." in text
        assert "This is a race" not in text
        told = found.as_json()
        assert (told["race"], told["outdated"]) == (False, True)
        assert told["changed"][side] == ["/here/train.py", "/there/model.py"]


def test_changed_code_does_not_excuse_the_other_run():
    found = changed(1, (0, 0))
    assert (found.race, found.outdated) == (True, True)
    assert "This is a race: of 1 pair of reruns, 1 differed" in words(found.text())
    found = changed(1, (0, 1))
    assert (found.race, found.outdated) == (True, False)
    assert "Record that run again" not in found.text()


def test_changed_code_that_does_the_same_is_only_told():
    found = changed(0, (1, 1))
    assert (found.race, found.outdated) == (False, False)
    text = words(found.text())
    assert "since it was recorded, without effect: /here/train.py and /there/model.py." in text
    assert "each repeated its recording" in text


@pytest.mark.parametrize("kind", ["drawn", "arguments", "entered", "order"])
def test_the_environments_say_nothing_of_what_has_another_reason(kind):
    assert "environments" not in explained(kind).text()


def test_prose_is_no_wider_than_a_terminal_and_places_are_not_cut():
    lines = explained().text().splitlines()
    assert max(len(line) for line in lines if not line.startswith(" ")) <= 80
    assert f"  {LINE.site.file}:3 in main" in lines


def test_json_has_the_environments():
    told = json.loads(json.dumps(explained().as_json()))
    assert told["environment"][0] == {"name": "cpu.torch_capability", "first": "AVX2", "second": "DEFAULT"}


def test_what_only_one_run_did_before_is_told_before_what_was_given_other_values():
    extra = Op("aten.mul.Tensor", bytes(16), (), (), "T, 2", stack=Stack([Site("train.py", 7, "main")]))
    found = explained("entered")
    found = replace(found, finding=replace(found.finding, passed=Finding("order", None, extra, 0)))
    text = found.text()
    assert words(text).index("Only the second run carries out aten.mul.Tensor(T, 2): train.py:7 in main The first") < (
        words(text).index("operation of both that was given other values after that is aten.randn.default")
    )
    assert "outside" not in text
    told = json.loads(json.dumps(found.as_json()))["finding"]
    assert told["passed"]["second"]["name"] == "aten.mul.Tensor"
    assert told["passed"]["passed"] is None
    assert "came into torch from outside" in words(explained("entered").text())


@pytest.mark.parametrize(("line", "elsewhere"), [(3, True), (2, False)])
def test_the_same_operation_of_another_line_is_not_put_down_to_its_inputs(tmp_path, line, elsewhere):
    script = tmp_path / "train.py"
    script.write_text("one = layer(x)\none = layer(x)\nother = layer(y)\n")
    found = explained("entered")
    acts = [
        replace(act, stack=Stack([Site(str(script), at, "main")]))
        for act, at in ((found.finding.first, 1), (found.finding.second, line))
    ]
    text = words(replace(found, finding=Finding("entered", *acts, 0)).text())
    assert ("where the second does so in another place: " in text) == elsewhere
    assert ("came into torch from outside" in text) != elsewhere
