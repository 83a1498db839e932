from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from runs import EVENTS, digest, plain, record
from samerun.divergence.causes.registry import all_causes, diagnose
from samerun.divergence.compare import compare_runs
from samerun.divergence.evidence import Evidence
from samerun.rng.numpy import RandomStateSource
from samerun.rng.registry import global_sources
from samerun.tracing.format import Phase, pack_state
from samerun.tracing.generators import Generators
from samerun.tracing.sites import Site
from samerun.tracing.writer import Writer

ENVIRONMENT = {
    "python": {"version": "3.11.7", "hash_seed": 0},
    "threads": {"intra_op": 2},
    "packages": {"torch": "2.13.0"},
}


def seed(library="torch", value=42, line=3):
    return (
        0,
        "seed",
        {"library": library, "value": value, "place": {"file": "train.py", "line": line, "function": "main"}},
    )


def loader(line=9, **settings):
    place = {"place": {"file": "train.py", "line": line, "function": "main"}}
    return 0, "loader", {"loader": "", "length": 100, "batch_size": 4, "num_workers": 0, **settings, **place}


SEEDED = (seed(), seed("numpy"), seed("python"))


@pytest.fixture
def judge(tmp_path):
    """Return a function that records two traces and gives what is diagnosed."""

    pairs = itertools.count()

    def write(path, options):
        meta = {"environment": ENVIRONMENT, **options.pop("meta", {})}
        return record(path, options.pop("content", plain), meta=meta, **{"notes": SEEDED, **options})

    def judge(first, second, **options):
        folder = tmp_path / str(next(pairs))
        folder.mkdir()
        run = compare_runs(write(folder / "A.trace", dict(first)), write(folder / "B.trace", dict(second)), **options)
        found = diagnose(Evidence(run.worst))
        run.close()
        return found

    return judge


def only(step=None, kind=None, phase=None, name=None, start=0):
    """Return a content in which some events are spoiled from a step on."""

    def content(at, moment, what, which):
        chosen = [at >= (step or 0), kind in (None, what), phase in (None, moment), name in (None, which)]
        return ("spoiled", at, what) if all(chosen) else plain(at, moment, what, which)

    return content


def spoiled(step, *kinds, name=None):
    return lambda at, moment, what, which: (
        ("spoiled", plain(at, moment, what, which))
        if at >= step and what in kinds and name in (None, which)
        else plain(at, moment, what, which)
    )


def batches_of(order, size=4):
    return lambda step: tuple(order[step * size : step * size + size])


ORDER = list(range(200))


# --- every cause, planted


def test_two_same_runs_have_no_cause(judge):
    assert judge({}, {}) == ()


def test_a_generator_that_was_never_seeded(judge):
    def elsewhere(step, phase, kind, name):
        return (plain(step, phase, kind, name), "B") if name == "torch.cpu" else plain(step, phase, kind, name)

    (found, *_) = judge({"notes": ()}, {"notes": (), "content": elsewhere})
    assert found.cause == "never-seeded"
    assert found.sentence == "torch's CPU generator was never seeded in either run"
    (found, *_) = judge({}, {"notes": (), "content": elsewhere})
    assert found.sentence == "torch's CPU generator was never seeded in B.trace"


def test_a_private_generator_made_without_a_seed(judge):
    events = (*EVENTS[:2], (Phase.BEFORE_BATCH, "rng", "Photos[9].dataset.rng"), *EVENTS[2:])
    made = seed("numpy.Generator", None, 17)

    def moving(step, phase, kind, name):
        return (name, step, "A") if "Photos" in name else plain(step, phase, kind, name)

    def elsewhere(step, phase, kind, name):
        return (name, step, "B") if "Photos" in name else plain(step, phase, kind, name)

    options = {"events": events, "notes": (*SEEDED, made)}
    (found, *_) = judge({**options, "content": moving}, {**options, "content": elsewhere})
    assert (found.cause, found.place) == ("never-seeded", Site("train.py", 17, "main"))


def test_weights_drawn_from_an_unseeded_generator_that_is_idle_later(judge):
    def other(step, phase, kind, name):
        return "elsewhere" if name == "numpy" else plain(step, phase, kind, name)

    found = judge({"notes": ()}, {"notes": (), "content": other, "initial": "other"})
    assert found[0].cause == "never-seeded"
    assert "NumPy's global generator was never seeded" in found[0].sentence
    assert not found[0].certain


def test_seeded_once_more(judge):
    extra = (6, *seed(line=77)[1:])

    def content(step, phase, kind, name):
        return ("again", step) if name == "torch.cpu" and step >= 6 else plain(step, phase, kind, name)

    (found, *_) = judge({}, {"notes": (*SEEDED, extra), "content": content})
    assert (found.cause, found.place) == ("seeded-twice", Site("train.py", 77, "main"))
    assert found.sentence == "torch's CPU generator was seeded with 42 in step 6 in B.trace only"


def test_a_generator_that_was_put_into_a_state(judge):
    note = (
        6,
        "load",
        {"call": "numpy.random.set_state", "on": "numpy", "place": {"file": "plot.py", "line": 5, "function": "draw"}},
    )

    def moved(step, phase, kind, name):
        return ("set", step) if name == "numpy" and step >= 6 else plain(step, phase, kind, name)

    (found, *_) = judge({}, {"notes": (*SEEDED, note), "content": moved})
    assert (found.cause, found.place) == ("seeded-twice", Site("plot.py", 5, "draw"))
    assert "was put into a state in step 6 in B.trace only" in found.sentence


def test_other_seeds(judge):
    def content(step, phase, kind, name):
        return (plain(step, phase, kind, name), 43) if name == "torch.cpu" else plain(step, phase, kind, name)

    (found, *_) = judge({}, {"notes": (seed(value=43, line=4), *SEEDED[1:]), "content": content})
    assert (found.cause, found.place) == ("other-seed", Site("train.py", 4, "main"))
    assert found.sentence == "torch's CPU generator was seeded with 42 in A.trace and with 43 in B.trace"


def test_a_seed_made_with_hash(judge):
    def content(step, phase, kind, name):
        return (plain(step, phase, kind, name), 43) if name == "torch.cpu" else plain(step, phase, kind, name)

    meta = {"environment": {**ENVIRONMENT, "python": {"version": "3.11.7", "hash_seed": "random"}}}
    first = {"meta": meta, "notes": (seed(value=8812), *SEEDED[1:])}
    second = {"meta": meta, "notes": (seed(value=1733), *SEEDED[1:]), "content": content}
    (found, *others) = judge(first, second)
    assert (found.cause, found.certain, found.place) == ("hash-order", False, Site("train.py", 3, "main"))
    assert [other.cause for other in others] == ["other-seed"]
    # Another command line gave another seed.
    second["meta"] = {**meta, "command": {"script_argv": ["train.py", "--seed", "1733"]}}
    assert judge(first, second)[0].cause == "other-seed"


def test_weights_made_before_the_seed(judge):
    (found, *_) = judge({}, {"initial": "other"})
    assert (found.cause, found.place) == ("seeded-late", Site("train.py", 3, "main"))


def test_weights_of_other_seeds_were_not_made_too_early(judge):
    found = judge({}, {"initial": "other", "notes": (seed(value=43), *SEEDED[1:])})
    assert [diagnosis.cause for diagnosis in found] == ["other-seed", "initial-weights"]


def test_other_initial_weights(judge):
    layouts = {"parameters": [("fc.weight", "float32", [2]), ("fc.bias", "float32", [2])]}

    def parts(last):
        return lambda step, kind: b"weight--" + last if kind == "parameters" else None

    load = (
        0,
        "load",
        {"call": "Net.load_state_dict", "on": "Net", "place": {"file": "train.py", "line": 6, "function": "main"}},
    )
    options = {"layouts": layouts, "notes": (*SEEDED, load)}
    (found, *_) = judge(
        {**options, "parts": parts(b"bias---1")}, {**options, "parts": parts(b"bias---2"), "initial": "x"}
    )
    assert (found.cause, found.place) == ("initial-weights", Site("train.py", 6, "main"))
    assert "fc.bias differ" in found.sentence


def test_data_in_another_order(judge):
    first, second = {"batches": batches_of(ORDER)}, {"batches": batches_of(ORDER[::-1])}
    (found, *_) = judge({**first, "steps": range(50)}, {**second, "steps": range(50), "notes": (*SEEDED, loader())})
    assert (found.cause, found.place) == ("data-order", Site("train.py", 9, "main"))
    assert found.sentence == "the data come in another order: 4 of the 4 samples come in other batches in A.trace"
    swapped = [1, 0, *ORDER[2:]]
    (found, *_) = judge(first, {"batches": batches_of(swapped)})
    assert "the same samples in another order" in found.sentence
    moved = ORDER[4:8] + ORDER[:4] + ORDER[8:]
    (found, *_) = judge(first, {"batches": batches_of(moved)})
    assert "the batch of B.trace is that of step 1 in A.trace" in found.sentence


def test_the_order_of_a_set(judge):
    meta = {"environment": {**ENVIRONMENT, "python": {"version": "3.11.7", "hash_seed": "random"}}}
    first = {"batches": batches_of(ORDER), "meta": meta, "steps": range(50)}
    second = {"batches": batches_of(ORDER[::-1]), "meta": meta, "steps": range(50)}
    (found, *others) = judge(first, second)
    assert (found.cause, found.certain) == ("hash-order", False)
    assert [other.cause for other in others] == ["data-order"]
    # Where the loader differs, that is nearer.
    (found, *_) = judge({**first, "notes": (loader(),)}, {**second, "notes": (loader(batch_size=8),)})
    assert found.cause == "data-order"


def test_parameters_taken_from_a_set(judge):
    meta = {"environment": {**ENVIRONMENT, "python": {"version": "3.11.7", "hash_seed": "random"}}}
    names = [("a", "float32", [1]), ("b", "float32", [1])]
    first = {"meta": meta, "layouts": {"parameters": names}}
    (found, *_) = judge(first, {"meta": meta, "layouts": {"parameters": names[::-1]}, "initial": "other"})
    assert found.cause == "hash-order"
    assert "number 0 is a and b" in found.sentence


def test_files_in_another_order(judge):
    def listing(order, names="same", count=3):
        value = {"path": "/data", "digest": order, "sorted": names, "count": count}
        return 0, "listdir", {**value, "place": {"file": "data.py", "line": 8, "function": "images"}}

    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, listing("abc"))}
    second = {"batches": batches_of(ORDER[::-1]), "steps": range(50), "notes": (*SEEDED, listing("bca"))}
    (found, *_) = judge({**first, "steps": range(50)}, second)
    assert (found.cause, found.place) == ("file-order", Site("data.py", 8, "images"))
    assert found.sentence == "the 3 files of /data came in another order"
    second["notes"] = (*SEEDED, listing("abcd", "more", 4))
    (found, *_) = judge({**first, "steps": range(50)}, second)
    assert found.sentence == "the directory /data held other files: 3 in the first run, 4 in the second"


def test_other_contents_by_the_number_of_workers(judge):
    augmented = {"batches": lambda step: tuple((sample, "B") for sample in batches_of(ORDER)(step))}
    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, loader())}
    (found, *_) = judge(first, {**augmented, "notes": (*SEEDED, loader(num_workers=2))})
    assert (found.cause, found.certain, found.place) == ("item-content", True, Site("train.py", 9, "main"))
    assert "made by 0 and 2 workers" in found.sentence
    assert "no sample agrees" in found.sentence
    (found, *_) = judge(first, {**augmented, "notes": first["notes"]})
    assert (found.cause, found.certain) == ("item-content", False)
    half = {"batches": lambda step: (*batches_of(ORDER)(step)[:2], ("x", step), ("y", step))}
    (found, *_) = judge(first, {**half, "notes": first["notes"]})
    assert "2 of 4 samples of the batch agree" in found.sentence
    base = [(0, "worker-seed", {"loader": "", "seed": seed}) for seed in (1, 2)]
    (found, *_) = judge(
        {**first, "notes": (*first["notes"], base[0])}, {**augmented, "notes": (*first["notes"], base[1])}
    )
    assert "the workers began from other seeds" in found.sentence
    assert found.certain


def test_the_same_samples_in_other_batches(judge):
    first = {"batches": batches_of(ORDER, 4), "notes": (*SEEDED, loader())}
    second = {"batches": batches_of(ORDER, 8), "notes": (*SEEDED, loader(batch_size=8))}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("other-batches", Site("train.py", 9, "main"))
    assert found.sentence == "the same samples come in other batches: the first ones have 4 samples and 8"
    assert found.details == ("loader : batch_size: 4 and 8",)
    interleaved = [ORDER[at + 4 * odd] for at in range(0, 200, 8) for odd in (0, 1)]
    workers = {
        "batches": batches_of(interleaved),
        "notes": (*SEEDED, loader(num_workers=2, iterable=True)),
        "steps": range(10),
    }
    first = {**first, "notes": (*SEEDED, loader(iterable=True)), "steps": range(50)}
    (found, *_) = judge(first, workers)
    assert found.cause == "other-batches"
    assert "each worker of an iterable dataset" in found.sentence


def test_workers_do_not_regroup_a_dataset_that_has_an_order(judge):
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": (*SEEDED, loader())}
    second = {"batches": batches_of(ORDER[::-1]), "steps": range(50), "notes": (*SEEDED, loader(num_workers=2))}
    assert judge(first, second)[0].cause == "data-order"


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


def test_a_different_number_of_steps(judge):
    (found,) = judge({"steps": range(20)}, {"steps": range(15)})
    assert found.cause == "number-of-steps"
    assert found.sentence == "B.trace ended after 15 steps, A.trace after 20; all that both did is the same"


def test_what_cannot_be_told_says_what_to_record(judge):
    events = ((Phase.STEPPED, "parameters", ""),)
    meta = {"environment": ENVIRONMENT}
    (found,) = judge({"events": events, "meta": meta}, {"events": events, "content": spoiled(3, "parameters")})
    assert (found.cause, found.certain) == ("unknown", False)
    assert "samerun explain" in found.advice
    assert found.details[0] == "not recorded in both: rng, batch, gradients, rates"


def test_a_batch_that_one_run_does_not_fetch(judge):
    events = (*EVENTS[:2], (Phase.BATCH, "batch", "Validation[10]"), *EVENTS[3:])
    (found, *_) = judge({}, {"events": events})
    assert found.cause == "unknown"
    assert found.sentence == "only B.trace has the batch (Validation[10]) in step 0"


# --- resumed runs


RESUMED = {"steps": range(10, 20), "start": 10}


def resumed_without(*kinds, name=None):
    return {**RESUMED, "content": spoiled(10, *kinds, name=name), "notes": ()}


PIECES = {
    "the state of torch's CPU generator": resumed_without("rng", "gradients", "parameters", name="torch.cpu"),
    "the position in the data": resumed_without("batch"),
    "the optimizer's state": resumed_without("optimizer"),
    "the schedule": resumed_without("rates"),
    "the gradient scaler": resumed_without("scaler"),
    "the buffers": resumed_without("buffers"),
}


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_that_a_resumed_run_forgot(judge, piece):
    events = (*EVENTS[:6], (Phase.GRADIENTS, "scaler", ""), *EVENTS[6:])
    note = {
        "call": "Net.load_state_dict",
        "on": "Net",
        "place": {"file": "resume.py", "line": 12, "function": "resume"},
    }
    options = {**PIECES[piece], "notes": ((0, "load", note),), "events": events}
    if piece == "the state of torch's CPU generator":  # the weights are from the checkpoint

        def content(step, phase, kind, name):
            initial = (step, phase, kind) == (9, Phase.STEPPED, "parameters")
            return (
                plain(step, phase, kind, name)
                if initial
                else spoiled(10, "rng", name="torch.cpu")(step, phase, kind, name)
            )

        options["content"] = content
    (found, *_) = judge({"events": events}, options)
    assert (found.cause, found.place) == ("forgotten-piece", Site("resume.py", 12, "resume"))
    assert f"B.trace goes on from step 10 without {piece}" in found.sentence
    assert found.details == ("B.trace loaded: Net.load_state_dict",)


def test_an_optimizer_that_was_not_loaded_is_the_cause_also_where_its_rate_differs_first(judge):
    (found, *_) = judge(
        {}, {**RESUMED, "loaded": ("parameters", "buffers"), "content": spoiled(10, "rates", "optimizer")}
    )
    assert "without the optimizer's state: it had none before the first step" in found.sentence


def test_parameters_that_a_resumed_run_did_not_load(judge):
    (found, *_) = judge({}, {**RESUMED, "initial": None, "content": spoiled(10, "parameters")}, offset=10)
    assert found.cause == "forgotten-piece"
    assert "without the optimizer's state" in found.sentence  # equal gradients, so the weights were equal too


def test_a_position_that_a_resumed_run_forgot_names_the_step_it_began_from(judge):
    from_front = {**RESUMED, "batches": lambda step: batches_of(ORDER)(step - 10)}
    (found, *_) = judge({"batches": batches_of(ORDER)}, from_front)
    assert found.cause == "forgotten-piece"
    assert "its first batch is that of step 0, not of step 10" in found.sentence


TEACHER = (*EVENTS[:4], (Phase.BATCH, "parameters", "__main__.teacher"), *EVENTS[4:])


def test_an_average_of_the_weights_that_a_resumed_run_forgot(judge):
    note = {
        "call": "Net.load_state_dict",
        "on": "Net",
        "place": {"file": "resume.py", "line": 12, "function": "resume"},
    }
    options = {**RESUMED, "events": TEACHER, "notes": ((0, "load", note),)}
    content = spoiled(10, "parameters", "loss", "gradients", name="__main__.teacher")
    (found,) = judge({"events": TEACHER}, {**options, "content": content})
    assert (found.cause, found.certain, found.place) == ("forgotten-piece", True, Site("resume.py", 12, "resume"))
    assert found.sentence.startswith("B.trace goes on from step 10 without the parameters of __main__.teacher: ")
    assert found.sentence.endswith("they differ before the first step")
    # Its updates may depend on how many there were.
    content = spoiled(11, "parameters", name="__main__.teacher")
    (found, *_) = judge({"events": TEACHER}, {**options, "content": content})
    assert found.sentence.endswith("they differ before step 11, as its updates are others")


def test_the_weights_of_a_resumed_run_count_where_it_resumes_and_a_teacher_s_do_not(judge):
    def frozen(step, phase, kind, name):
        return "frozen" if name == "__main__.teacher" else plain(step, phase, kind, name)

    events = ((Phase.BEFORE_BATCH, "parameters", "__main__.teacher"), *EVENTS)
    options = {"events": events, "content": frozen}
    assert judge(options, {**options, **RESUMED}) == ()


def test_a_teacher_that_differs_in_the_middle_of_a_run_has_no_other_initial_weights(judge):
    content = spoiled(5, "parameters", name="__main__.teacher")
    (found, *_) = judge({"events": TEACHER}, {"events": TEACHER, "content": content})
    assert found.cause == "unknown"
    assert "the first difference is in the parameters of __main__.teacher" in found.sentence
    content = spoiled(0, "parameters", name="__main__.teacher")
    causes = [found.cause for found in judge({"events": TEACHER}, {"events": TEACHER, "content": content})]
    assert causes == ["seeded-late", "initial-weights"]


def test_what_differs_long_after_resuming_is_no_forgotten_piece(judge):
    (found, *_) = judge({}, {**RESUMED, "content": spoiled(15, "gradients")})
    assert found.cause == "nondeterministic-kernel"


# --- scripts without a loader, whose generators are read at the ends of steps only


WITHOUT_LOADER = tuple(event for event in EVENTS if event[0] >= Phase.GRADIENTS)


def test_a_seed_in_the_middle_of_a_script_without_a_loader(judge):
    extra = (6, *seed(line=77)[1:])
    second = {"notes": (*SEEDED, extra), "content": spoiled(6, "loss", "gradients", "rng")}
    (found, *_) = judge({"events": WITHOUT_LOADER}, {"events": WITHOUT_LOADER, **second})
    assert (found.cause, found.place) == ("seeded-twice", Site("train.py", 77, "main"))


def test_a_script_without_a_loader_that_was_never_seeded(judge):
    first = {"events": WITHOUT_LOADER, "notes": ()}
    (found, *_) = judge(first, {**first, "content": spoiled(0, "loss", "gradients", "rng", "parameters")})
    assert found.cause == "never-seeded"
    assert "torch's CPU generator" in found.sentence


def test_generators_that_move_apart_within_a_step_are_not_a_kernels_doing(judge):
    first = {"events": WITHOUT_LOADER}
    (found,) = judge(first, {**first, "content": spoiled(6, "loss", "gradients", "rng")})
    assert (found.cause, found.certain) == ("generator-ahead", False)
    assert found.sentence == (
        "torch's CPU generator is in another state: something drew from it, or set it, between the ends of steps 5 and "
        "6 in one of the runs; the draws cannot be counted"
    )


def test_a_resumed_script_without_a_loader_that_forgot_its_generators(judge):
    content = spoiled(10, "loss", "gradients", "rng")
    second = {**RESUMED, "content": content, "events": WITHOUT_LOADER}
    (found, *_) = judge({"events": WITHOUT_LOADER}, second, offset=10)
    assert found.cause == "forgotten-piece"
    assert "without the state of torch's CPU generator: it is in another state by the end" in found.sentence


# --- generators that are ahead: real states


def real(
    path,
    *,
    extra_at=None,
    within=None,
    draws=3,
    gauss=False,
    level3=False,
    loss=False,
    fetches=True,
    states=range(8),
    put_back=False,
):
    """Record a run that draws 5 numbers from NumPy in each of 8 steps, and more before a step."""
    np.random.seed(1)
    writer, generators = Writer(path, {"environment": ENVIRONMENT}), Generators()
    generators.refresh()
    series = writer.series("rng", "numpy")

    def read(step, phase):
        state, position = {name: found for name, *found in generators.read()}["numpy"]
        writer.event(step, phase, series, state, value=position)

    writer.note(0, "seed", seed("numpy", 1)[2])
    for step in range(8):
        if step in states:
            writer.state(step, series, pack_state(RandomStateSource("numpy").pack(RandomStateSource("numpy").read())))
        if step == extra_at:
            if put_back:
                here = {"file": "train.py", "line": 50, "function": "main"}
                writer.note(step, "seed", seed("numpy", 5, 49)[2])
                writer.note(step, "load", {"call": "numpy.random.set_state", "on": "numpy", "place": here})
            np.random.normal() if gauss else np.random.bytes(4 * draws)
            if gauss == "hidden":  # by what is drawn after it
                np.random.bytes(4)
            if level3:
                stack = [["eda.py", 12, "plot_samples"], ["eda.py", 40, "<module>"]]
                value = json.dumps({"how": "drew", "count": draws, "stack": stack})
                writer.event(step, 0, writer.series("draw", "numpy"), digest(step), value=value)
        elif level3:
            writer.event(step, 0, writer.series("draw", "python"), digest(step), value="{}")
        if fetches:
            read(step, Phase.BEFORE_BATCH)
            writer.event(step, Phase.BATCH, writer.series("batch", ""), digest(np.random.rand(5).tolist()))
            read(step, Phase.BATCH)
        if step == within:
            np.random.bytes(4 * draws)
        if loss:
            writer.event(step, Phase.BATCH, writer.series("loss", ""), digest(np.random.rand(1).tolist()))
            read(step, Phase.STEPPED)
        writer.end_step(step)
    writer.close()
    return path


def test_a_draw_within_the_step_shows_in_what_is_computed(tmp_path):
    run = compare_runs(real(tmp_path / "A.trace", loss=True), real(tmp_path / "B.trace", within=5, loss=True))
    assert run.worst.divergence.series.kind == "loss"
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert found.cause == "generator-ahead"
    assert found.sentence == (
        "NumPy's global generator is 3 draws ahead in B.trace: something drew from it between the fetching of the "
        "batch and the end of the optimizer's step"
    )


def test_draws_without_a_loader_lie_between_the_ends_of_steps(tmp_path):
    options = {"loss": True, "fetches": False}
    run = compare_runs(real(tmp_path / "A.trace", **options), real(tmp_path / "B.trace", within=5, **options))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert "3 draws ahead in B.trace: something drew from it between the ends of steps 4 and 5" in found.sentence


@pytest.mark.parametrize(
    ("options", "draws"),
    [({"draws": 3}, 3), ({"draws": 1000}, 1000), ({"gauss": True}, None), ({"gauss": "hidden"}, None)],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_generator_that_is_ahead(tmp_path, options, draws, swapped):
    paths = [real(tmp_path / "A.trace"), real(tmp_path / "B.trace", extra_at=5, **options)]
    run = compare_runs(*(reversed(paths) if swapped else paths))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert found.cause == "generator-ahead"
    count = rf"{draws:,}" if draws else r"\d+"
    assert re.match(
        rf"NumPy's global generator is {count} draws ahead in B.trace: .*between the step before", found.sentence
    )
    assert found.place is None
    assert found.details == ("samerun explain finds the line",)


def test_draws_are_counted_from_a_state_long_before(tmp_path):
    options = {"states": (0,)}
    run = compare_runs(
        real(tmp_path / "A.trace", **options), real(tmp_path / "B.trace", extra_at=5, draws=777, **options)
    )
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert "777 draws ahead in B.trace" in found.sentence


def test_the_line_that_drew_where_draws_were_recorded(tmp_path):
    run = compare_runs(real(tmp_path / "A.trace"), real(tmp_path / "B.trace", extra_at=5, level3=True))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert (found.cause, found.place) == ("generator-ahead", Site("eda.py", 12, "plot_samples"))
    assert "3 draws ahead in B.trace" in found.sentence


# --- planted in the gallery


def numpy_seed(value, line):
    return seed("numpy.Generator", value, line)


def test_generators_of_items_made_from_other_numbers(judge):
    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, numpy_seed(None, 8), numpy_seed(1700, 9))}
    second = {
        "batches": lambda step: tuple((sample, "B") for sample in batches_of(ORDER)(step)),
        "notes": (*SEEDED, numpy_seed(None, 8), numpy_seed(1701, 9)),
    }
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("other-seed", Site("train.py", 9, "main"))
    assert "was seeded with 1700 in A.trace and with 1701 in B.trace" in found.sentence


def test_workers_that_seed_otherwise(judge):
    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, loader(worker_init_fn="train.seed_worker"))}
    second = {
        "batches": lambda step: tuple((sample, "B") for sample in batches_of(ORDER)(step)),
        "notes": (*SEEDED, loader(worker_init_fn=None)),
    }
    (found, *_) = judge(first, second)
    assert (found.cause, found.certain) == ("item-content", True)
    assert "worker_init_fn is train.seed_worker and None" in found.sentence


def test_one_sample_that_is_another_is_no_other_order(judge):
    changed = [*ORDER[:13], "changed", *ORDER[14:]]
    options = {"notes": (*SEEDED, loader(made={"file": "train.py", "line": 5, "function": "main"}))}
    (found, *_) = judge({"batches": batches_of(ORDER), **options}, {"batches": batches_of(changed), **options})
    assert (found.cause, found.place) == ("item-content", Site("train.py", 5, "main"))
    assert "3 of 4 samples of the batch agree" in found.sentence
    assert "such as a file" in found.sentence


def test_files_in_another_order_in_another_folder(judge):
    def listing(folder, digest):
        value = {"path": f"{folder}/data", "digest": digest, "sorted": "same", "count": 3}
        return 0, "listdir", {**value, "place": {"file": f"{folder}/data.py", "line": 8, "function": "images"}}

    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, listing("/home/a", "abc")), "steps": range(50)}
    second = {"batches": batches_of(ORDER[::-1]), "notes": (*SEEDED, listing("/home/b", "bca")), "steps": range(50)}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("file-order", Site("/home/b/data.py", 8, "images"))


def used(library, value, early):
    step, kind, told = seed(library, value, 30)
    return step, kind, {**told, "used": early}


@pytest.mark.parametrize(
    ("library", "early", "cause"),
    [("python", True, "seeded-late"), ("python", False, "data-order"), ("torch", True, "data-order")],
)
def test_data_chosen_before_the_seed(judge, library, early, cause):
    notes = (used(library, 7, early),)
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": notes}
    (found, *_) = judge(first, {**first, "batches": batches_of(ORDER[::-1])})
    assert found.cause == cause
    if cause == "seeded-late":
        assert found.place == Site("train.py", 30, "main")
        assert "Python's global generator was drawn from before it was seeded with 7" in found.sentence


def test_a_pass_that_ended_earlier_because_of_a_setting(judge):
    def begun(step):
        return step, "iter", {"loader": "", "place": {"file": "train.py", "line": 11, "function": "main"}}

    content = {"content": spoiled(3, "rng", name="torch.cpu")}
    first = {"notes": (*SEEDED, loader(drop_last=False), begun(0))}
    second = {"notes": (*SEEDED, loader(drop_last=True), begun(0), begun(3)), **content}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("other-batches", Site("train.py", 9, "main"))
    assert "it ended before step 3 in B.trace, and goes on in A.trace" in found.sentence
    same = {"notes": (*SEEDED, loader(drop_last=False), begun(0), begun(3)), **content}
    assert "other-batches" not in [diagnosis.cause for diagnosis in judge(first, same)]


def test_a_resumed_run_that_computes_with_something_else(judge):
    (found, *_) = judge({}, {**RESUMED, "content": spoiled(10, "loss", "gradients"), "notes": ()})
    assert found.cause == "forgotten-piece"
    assert "without something else that it computes with: the first difference is in the loss" in found.sentence


def test_a_resumed_run_whose_first_steps_are_skipped(judge):
    events = (*EVENTS[:6], (Phase.GRADIENTS, "scaler", ""), *EVENTS[6:])
    skipped = tuple((0, "skipped", {"scale": scale}) for scale in (65536.0, 32768.0))
    resumed = {**RESUMED, "content": spoiled(10, "loss", "scaler"), "notes": skipped, "events": events}
    (found, *_) = judge({"events": events}, resumed)
    assert found.cause == "forgotten-piece"
    assert "without the gradient scaler: it skipped 2 steps that overflowed" in found.sentence


def test_what_was_put_back_is_not_seeded_twice(tmp_path):
    paths = [real(tmp_path / "A.trace"), real(tmp_path / "B.trace", extra_at=5, put_back=True)]
    run = compare_runs(*paths)
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert found.cause == "generator-ahead"
    assert "3 draws ahead in B.trace" in found.sentence


def beginning(path, *, ahead=0, machine="AVX2"):
    """Record a run whose weights were drawn from torch's generator, which nothing draws from later."""
    torch.manual_seed(1)
    torch.rand(ahead)
    environment = {**ENVIRONMENT, "cpu": {"torch_capability": machine}}
    writer, generators = Writer(path, {"environment": environment}), Generators()
    generators.refresh()
    rng, parameters = writer.series("rng", "torch.cpu"), writer.series("parameters", "")
    state, position = {name: found for name, *found in generators.read()}["torch.cpu"]
    source = global_sources()["torch.cpu"]
    writer.note(0, "seed", seed("torch", 1)[2])
    for step in range(3):
        writer.state(step, rng, pack_state(source.pack(source.read())))
        if step == 0:
            writer.event(0, Phase.BATCH, parameters, digest("weights", ahead, machine))
        writer.event(step, Phase.BATCH, writer.series("loss", ""), digest("loss", ahead, machine, step))
        writer.event(step, Phase.STEPPED, parameters, digest("trained", ahead, machine, step))
        if step == 0:
            writer.event(0, Phase.STEPPED, rng, state, value=position)
        writer.end_step(step)
    writer.close()
    return path


def test_draws_before_the_weights(tmp_path):
    run = compare_runs(beginning(tmp_path / "A.trace"), beginning(tmp_path / "B.trace", ahead=25))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert found.cause == "generator-ahead"
    assert "torch's CPU generator is 25 draws ahead in B.trace when the first step begins" in found.sentence


def test_weights_drawn_alike_by_other_instructions(tmp_path):
    run = compare_runs(beginning(tmp_path / "A.trace"), beginning(tmp_path / "B.trace", machine="DEFAULT"))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert found.cause == "threads"
    assert found.details == ("cpu.torch_capability: AVX2 and DEFAULT",)
    both = beginning(tmp_path / "C.trace", ahead=25, machine="DEFAULT")
    run = compare_runs(tmp_path / "A.trace", both)
    causes = [diagnosis.cause for diagnosis in diagnose(Evidence(run.worst))]
    run.close()
    assert causes[0] == "generator-ahead"
    assert "threads" not in causes


# --- the registry


def test_every_cause_has_a_page_and_every_page_a_cause():
    folder = Path(__file__).parents[3] / "docs" / "causes"
    pages = {page.stem for page in folder.glob("*.md")} - {"index"}
    assert pages == {cause.name for cause in all_causes()}


def test_the_order_in_which_causes_are_asked_is_no_accident():
    orders = [cause.order for cause in all_causes()]
    assert orders == sorted(set(orders))
    assert all_causes()[-1].name == "unknown"
