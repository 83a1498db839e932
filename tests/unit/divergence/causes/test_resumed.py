from __future__ import annotations

import pytest

from planted import ORDER, WITHOUT_LOADER, batches_of, spoiled
from runs import EVENTS, plain, record
from samerun.divergence.align import Alignment, align
from samerun.tracing.format import Phase
from samerun.tracing.reader import Trace
from samerun.tracing.sites import Site

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


@pytest.mark.parametrize("loaded", [(), ("optimizer",)])
def test_an_optimizer_that_was_not_loaded_is_told_of_also_where_something_else_shows_first(judge, loaded):
    run = {**resumed_without("batch", "loss", "gradients"), "loaded": ("parameters", "buffers", *loaded)}
    (found, *_) = judge({}, run)
    assert "without the position in the data" in found.sentence
    told = "the optimizer's state is missing there, too: it had none before the first step"
    assert (told in found.details) is (not loaded)


def test_parameters_that_a_resumed_run_did_not_load(judge):
    (found, *_) = judge({}, {**RESUMED, "initial": None, "content": spoiled(10, "parameters")}, offset=10)
    assert found.cause == "forgotten-piece"
    assert "without the optimizer's state" in found.sentence  # equal gradients, so the weights were equal too


def test_parameters_of_which_a_resumed_run_loaded_only_some(judge):
    names = {"parameters": [("front.weight", "float32", [2]), ("head.weight", "float32", [2])]}
    first, second = (
        {"layouts": names, "parts": lambda step, kind, head=head: b"front..." + head if kind == "parameters" else None}
        for head in (b"head....", b"another.")
    )
    (found, *_) = judge(first, {**RESUMED, **second, "content": spoiled(9, "parameters"), "notes": ()})
    assert found.cause == "forgotten-piece"
    without = "B.trace goes on from step 10 without 1 of 2 parameters: head.weight are others before the first step"
    assert found.sentence == without
    assert "missing_keys" in found.advice


def test_a_run_that_loaded_only_some_is_known_by_its_optimizer(tmp_path):
    with (
        Trace(record(tmp_path / "A.trace")) as first,
        Trace(record(tmp_path / "B.trace", spoiled(9, "parameters", "batch", "rng"), **RESUMED)) as second,
    ):
        assert align(first, second) == Alignment(10, "optimizer")


def test_a_position_that_a_resumed_run_forgot_names_the_step_it_began_from(judge):
    place = {"file": "train.py", "line": 27, "function": "main"}
    begun = (0, "iter", {"loader": "Other[9]"}), (0, "iter", {"loader": "", "place": place})
    loaded = (0, "load", {"call": "Net.load_state_dict", "on": "Net", "place": {**place, "line": 12}})
    from_front = {**RESUMED, "batches": lambda step: batches_of(ORDER)(step - 10), "notes": (*begun, loaded)}
    (found, *_) = judge({"batches": batches_of(ORDER)}, from_front)
    assert found.cause == "forgotten-piece"
    assert "its first batch is that of step 0, not of step 10" in found.sentence
    assert found.place == Site("train.py", 27, "main")
    (found, *_) = judge({"batches": batches_of(ORDER)}, {**from_front, "notes": (begun[0], loaded)})
    assert found.place == Site("train.py", 12, "main")


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


def test_a_resumed_script_without_a_loader_that_forgot_its_generators(judge):
    content = spoiled(10, "loss", "gradients", "rng")
    second = {**RESUMED, "content": content, "events": WITHOUT_LOADER}
    (found, *_) = judge({"events": WITHOUT_LOADER}, second, offset=10)
    assert found.cause == "forgotten-piece"
    assert "without the state of torch's CPU generator: it is in another state by the end" in found.sentence


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


def test_a_scale_that_is_another_is_told(judge):
    events = (*EVENTS[:6], (Phase.GRADIENTS, "scaler", ""), *EVENTS[6:])
    values = [lambda step, kind, scale=scale: scale if kind == "scaler" else None for scale in (512.0, 65536.0)]
    resumed = {**RESUMED, "content": spoiled(10, "loss", "scaler"), "notes": (), "events": events, "values": values[1]}
    (found, *_) = judge({"events": events, "values": values[0]}, resumed)
    assert "without the gradient scaler: its scale is 512.0 and 65536.0" in found.sentence


def test_buffers_that_were_not_loaded_are_named(judge):
    layouts = {"buffers": [("norm.mean", "float32", [2]), ("norm.var", "float32", [2])]}
    parts = [
        lambda step, kind, last=last: b"mean----" + last if kind == "buffers" else None
        for last in (b"var----1", b"var----2")
    ]
    first = {"layouts": layouts, "parts": parts[0]}
    second = {**RESUMED, "layouts": layouts, "parts": parts[1], "content": spoiled(9, "buffers"), "notes": ()}
    (found, *_) = judge(first, second)
    assert "without the buffers: norm.var differ" in found.sentence


def test_an_optimizer_that_was_loaded_and_is_another_one(judge):
    (found, *_) = judge({}, {**RESUMED, "content": spoiled(9, "optimizer"), "notes": ()})
    assert "without the optimizer's state: it is another one before the first step" in found.sentence


def test_an_optimizer_that_began_anew_is_not_the_cause_of_what_differs_later(judge):
    first = {"content": spoiled(0, "optimizer")}  # it has no state, so that nothing of it is lost

    def later(step, phase, kind, name):
        return ("other", step) if kind == "rates" and step >= 15 else first["content"](step, phase, kind, name)

    (found, *_) = judge(first, {**RESUMED, "loaded": ("parameters", "buffers"), "content": later, "notes": ()})
    assert "without the schedule" in found.sentence


def test_parameters_that_differ_after_a_step_whose_gradients_are_unknown_are_not_put_down_to_the_optimizer(judge):
    events = tuple(event for event in EVENTS if event[1] != "gradients")
    second = {**RESUMED, "events": events, "content": spoiled(10, "parameters"), "notes": ()}
    assert "forgotten-piece" not in [found.cause for found in judge({"events": events}, second)]


@pytest.mark.parametrize(("steps", "forgotten"), [(1000, True), (1001, False)])
def test_a_schedule_that_was_forgotten_shows_soon(judge, steps, forgotten):
    events = ((Phase.GRADIENTS, "rates", "0"), (Phase.STEPPED, "parameters", ""))
    first = {"events": events, "steps": range(10 + steps + 1), "notes": ()}
    second = {**first, **RESUMED, "steps": range(10, 10 + steps + 1), "content": spoiled(10 + steps, "rates")}
    (found, *_) = judge(first, second, offset=10)
    assert (found.cause == "forgotten-piece") == forgotten


@pytest.mark.parametrize("when", ["notes", "later"])
def test_generators_that_are_restored_too_late(judge, when):
    note = (0, "load", {"call": "torch.set_rng_state", "on": "torch.cpu", "place": None})
    (found, *_) = judge({}, {**resumed_without("rng", name="torch.cpu"), when: (note,)})
    late = "before the first batch, and was restored only after that"
    assert found.sentence.endswith(late) is (when == "later")
