from __future__ import annotations

import json

from planted import ENVIRONMENT, SEEDED, spoiled
from runs import EVENTS, digest, plain
from samerun.tracing.format import Phase
from samerun.tracing.sites import Site


def test_a_learning_rate(judge):
    values = [lambda step, kind, rate=rate: json.dumps([rate]) if kind == "rates" else None for rate in (0.1, 0.01)]
    (found, *_) = judge({"values": values[0]}, {"values": values[1], "content": spoiled(5, "rates")})
    assert found.cause == "learning-rate"
    assert found.sentence == "the learning rate is 0.1 and 0.01 in step 5"


def test_threads_and_instructions(judge):
    other = {**ENVIRONMENT, "threads": {"intra_op": 4}}
    (found, *_) = judge({}, {"meta": {"environment": other}, "content": spoiled(3, "gradients")})
    assert (found.cause, found.details) == ("threads", ("threads.intra_op: 2 and 4",))
    assert "another number of threads adds" in found.sentence
    noted = [(2, "threads", {"intra_op": number, "inter_op": 1}) for number in (2, 1)]
    (found, *_) = judge({"notes": (*SEEDED, noted[0])}, {"notes": (*SEEDED, noted[1]), "content": spoiled(3, "loss")})
    assert (found.cause, found.details) == ("threads", ("threads of torch: 2 and 1",))
    assert found.place is None
    noted[1][2]["place"] = {"file": "train.py", "line": 2, "function": "<module>"}
    pair = {"notes": (*SEEDED, noted[0])}, {"notes": (*SEEDED, noted[1])}
    for first, second in (pair, pair[::-1]):  # whichever of the two set it
        (found, *_) = judge(first, {**second, "content": spoiled(3, "loss")})
        assert (found.cause, found.place) == ("threads", Site("train.py", 2, "<module>"))
    limited = {**ENVIRONMENT, "variables": {"ATEN_CPU_CAPABILITY": "default"}}
    (found, *_) = judge({}, {"meta": {"environment": limited}, "content": spoiled(3, "gradients")})
    assert found.cause == "threads"
    assert "other instructions add" in found.sentence
    # A batch that differs is not the doing of threads.
    assert all(
        f.cause != "threads" for f in judge({}, {"meta": {"environment": other}, "content": spoiled(3, "batch")})
    )


def test_what_says_nothing_about_results_is_no_other_environment(judge):
    harmless = {"variables": {"TORCHELASTIC_ERROR_FILE": "x"}, "git": {"commit": "y"}}
    options = {"meta": {"environment": {**ENVIRONMENT, **harmless}}, "content": spoiled(3, "gradients", "parameters")}
    assert [found.cause for found in judge({}, options)] == ["nondeterministic-kernel"]


def test_a_kernel_that_gives_other_results(judge):
    (found, *_) = judge({}, {"content": spoiled(3, "gradients", "parameters")})
    assert (found.cause, found.certain) == ("nondeterministic-kernel", False)
    assert "although batch, parameters and generators agreed" in found.sentence
    assert found.details[0].endswith("samerun explain decides")
    events = tuple(event for event in EVENTS if event[1] != "batch")
    (found, *_) = judge({"events": events}, {"events": events, "content": spoiled(3, "gradients")})
    assert (found.cause, found.certain) == ("nondeterministic-kernel", False)


def operation(outputs, inputs, line=31, **more):
    stack = [["model.py", line, "Net.forward"]]
    told = {"outputs": 1, "stack": stack, "forward": [], "arguments": "T", "module": "Net.fc", "drew": None, **more}
    return json.dumps(told), digest(outputs)[:8] + digest(inputs)[:8]


def test_the_operation_that_gave_another_result(judge):
    events = (*EVENTS[:4], (Phase.BATCH, "op", "aten.index_add.default"), *EVENTS[4:])

    def run(outputs, inputs):
        value, parts = operation(outputs, inputs)
        return {
            "events": events,
            "content": lambda s, p, k, n: (outputs, s) if k == "op" else plain(s, p, k, n),
            "values": lambda step, kind: value if kind == "op" else None,
            "parts": lambda step, kind: parts if kind == "op" else None,
        }

    (found, *_) = judge(run("one", "same"), run("other", "same"))
    assert (found.cause, found.place) == ("nondeterministic-kernel", Site("model.py", 31, "Net.forward"))
    assert found.sentence == "aten.index_add.default in module Net.fc gave another result for the same inputs"
    (found,) = judge(run("one", "same"), run("other", "changed"))
    assert (found.cause, found.place) == ("unknown", Site("model.py", 31, "Net.forward"))
    assert "made from something outside of torch" in found.sentence


def test_another_environment_or_program(judge):
    other = {**ENVIRONMENT, "packages": {"torch": "2.12.0"}}
    (found, *_) = judge({}, {"meta": {"environment": other}, "content": spoiled(0, "gradients")})
    assert (found.cause, found.details) == ("environment", ("packages.torch: 2.13.0 and 2.12.0",))
    programs = [
        {"source": {"digest": str(number)}, "command": {"script_argv": ["train.py", number]}} for number in (1, 2)
    ]
    (found, *_) = judge({"meta": programs[0]}, {"meta": programs[1], "content": spoiled(4, "gradients")})
    assert found.cause == "environment"
    assert found.sentence == "the runs were not set up alike, which may explain the gradients: command and script"
