from __future__ import annotations

import hashlib
import json

from planted import ENVIRONMENT, ORDER, SEEDED, WITHOUT_LOADER, batches_of, spoiled
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


def test_the_optimizer_whose_rate_differs_is_named(judge):
    def made(number, line, rate):
        place = {"file": "train.py", "line": line, "function": "main"}
        return 0, "optimizer", {"optimizer": str(number), "groups": [{"lr": rate}], "place": place}

    first = {"notes": (*SEEDED, made(0, 20, 0.1), made(1, 21, 0.1))}
    second = {"notes": (*SEEDED, made(0, 20, 0.2), made(1, 21, 0.3))}
    for number, rate in ((0, 0.2), (1, 0.3)):
        events = (*EVENTS[:6], (Phase.GRADIENTS, "rates", str(number)), *EVENTS[7:])
        (found, *_) = judge({**first, "events": events}, {**second, "events": events, "content": spoiled(5, "rates")})
        assert (found.cause, found.place) == ("learning-rate", Site("train.py", 20 + number, "main"))
        assert found.details == (f"optimizer {number}: groups.0.lr: 0.1 and {rate}",)


def test_a_model_of_another_dtype_draws_other_numbers(judge):
    def model(dtype, width=8):
        value = {"optimizer": "0", "parameters": [["fc.weight", dtype, [width, 4]], ["fc.bias", dtype, [width]]]}
        return 0, "model", value

    flags = [{"environment": {**ENVIRONMENT, "flags": {"default_dtype": name}}} for name in ("float32", "float64")]
    content = spoiled(0, "rng", name="torch.cpu")
    first = {"notes": (*SEEDED, model("float32")), "meta": flags[0]}
    second = {"notes": (*SEEDED, model("float64")), "meta": flags[1], "content": content}
    (found, *_) = judge(first, second)
    assert (found.cause, found.certain) == ("environment", False)
    assert found.details == (
        "flags.default_dtype: float32 and float64",
        "model 0: parameters.fc.weight: float32 [8, 4] and float64 [8, 4]",
        "model 0: parameters.fc.bias: float32 [8] and float64 [8]",
    )


def test_other_surroundings_are_told_by_what_changes_results_most(judge):
    other = {
        "packages": {"torch": "2.12.0", "zlib": "1", "numpy": "2"},
        "python": {"version": "3.12", "hash_seed": 3},
        "variables": {"OTHER": "1"},
        "machine": {"name": "b"},
        "flags": {"cudnn_benchmark": True},
    }
    (found, *_) = judge(
        {}, {"meta": {"environment": {**ENVIRONMENT, **other}}, "content": spoiled(0, "scaler", "rates")}
    )
    told = judge({}, {"meta": {"environment": {**ENVIRONMENT, **other}}, "content": spoiled(0, "gradients")})
    found = next(diagnosis for diagnosis in told if diagnosis.cause == "environment")
    assert not found.certain
    assert [detail.partition(":")[0] for detail in found.details] == [
        "flags.cudnn_benchmark",
        "packages.torch",
        "packages.numpy",
        "variables.OTHER",
        "python.version",
        "packages.zlib",
    ]
    assert found.place is None
    assert found.sentence.endswith("flags.cudnn_benchmark, packages.torch, packages.numpy and 4 more")


def test_changed_code_is_named_with_its_first_changed_line(judge, tmp_path):
    metas = []
    for side, text in (("a", "x = 1\ny = 2\n"), ("b", "x = 1\ny = 3\n")):
        path = tmp_path / f"{side}.py"
        path.write_text(text)
        metas.append({"source": {"path": str(path), "digest": hashlib.sha256(text.encode()).hexdigest()}})
    (found, *_) = judge({"meta": metas[0]}, {"meta": metas[1], "content": spoiled(4, "gradients")})
    assert (found.cause, found.place) == ("environment", Site(str(tmp_path / "b.py"), 2, "<module>"))


def test_generators_that_moved_are_nearer_than_threads(judge):
    other = {"meta": {"environment": {**ENVIRONMENT, "threads": {"intra_op": 4}}}}
    events = {"events": WITHOUT_LOADER}
    moved = spoiled(6, "loss", "gradients", "rng")
    assert judge(events, {**events, **other, "content": moved})[0].cause == "generator-ahead"
    assert judge(events, {**events, **other, "content": spoiled(6, "loss", "gradients")})[0].cause == "threads"


def test_samples_are_computed_by_threads_and_their_order_is_not(judge):
    other = {"meta": {"environment": {**ENVIRONMENT, "threads": {"intra_op": 4}}}}
    options = {"steps": range(50), "batches": batches_of(ORDER)}
    computed = {**options, **other, "batches": lambda step: tuple((sample, "B") for sample in batches_of(ORDER)(step))}
    assert judge(options, computed)[0].cause == "threads"
    shuffled = judge(options, {**options, **other, "batches": batches_of(ORDER[::-1])})
    assert "threads" not in [found.cause for found in shuffled]
    assert (
        judge({}, {"content": spoiled(3, "gradients"), "notes": (*SEEDED, (2, "threads", {"intra_op": 1}))})[0].cause
        == "threads"
    )  # set in the second run only
