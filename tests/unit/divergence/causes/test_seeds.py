from __future__ import annotations

import hashlib

import pytest

from planted import ENVIRONMENT, ORDER, SEEDED, WITHOUT_LOADER, batches_of, seed, spoiled
from runs import EVENTS, plain
from samerun.tracing.format import Phase
from samerun.tracing.sites import Site


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


def used(library, value, early):
    step, kind, told = seed(library, value, 30)
    return step, kind, {**told, "used": early}


@pytest.mark.parametrize(
    ("library", "early", "cause"),
    [("python", True, "seeded-late"), ("python", False, "data-order"), ("torch", True, "seeded-late")],
)
def test_data_chosen_before_the_seed(judge, library, early, cause):
    notes = (used(library, 7, early),)
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": notes}
    (found, *_) = judge(first, {**first, "batches": batches_of(ORDER[::-1])})
    assert found.cause == cause
    if cause == "seeded-late":
        assert found.place == Site("train.py", 30, "main")
        name = {"python": "Python's global generator", "torch": "torch's CPU generator"}[library]
        assert f"{name} was drawn from before it was seeded with 7" in found.sentence


def test_a_seed_in_every_epoch_of_a_resumed_run_is_that_of_another_epoch(judge):
    def content(step, phase, kind, name):
        return (plain(step, phase, kind, name), "B") if name == "torch.cpu" else plain(step, phase, kind, name)

    seeds = [seed(value=value) for value in (5, 100, 102)]
    causes = {
        found.cause
        for found in judge(
            {"notes": tuple(seeds)},
            {"notes": (seeds[0], seeds[2]), "content": content, "steps": range(10, 20), "start": 10},
        )
    }
    assert "other-seed" not in causes
    assert "forgotten-piece" in causes


@pytest.mark.parametrize("change", ["command", "script", "module"])
def test_what_a_library_drew_before_the_seed_is_not_blamed_where_the_program_is_another(judge, change):
    meta = {
        "command": {"command": {"argv": ["python", "train.py", "--noise"]}},
        "script": {"source": {"path": "train.py", "digest": "b"}},
        "module": {"modules": {"model": {"path": "model.py", "digest": "b"}}},
    }[change]
    old = {
        "command": {"argv": ["python", "train.py"]},
        "source": {"path": "train.py", "digest": "a"},
        "modules": {"model": {"path": "model.py", "digest": "a"}},
    }
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": (used("python", 7, True),), "meta": old}
    causes = [found.cause for found in judge(first, {**first, "batches": batches_of(ORDER[::-1]), "meta": old | meta})]
    assert causes == ["data-order"]


def test_the_line_that_drew_before_the_seed_is_named_where_it_still_is_there(judge, tmp_path):
    text = "import random\n\nrandom.shuffle(names)\nrandom.seed(7)\n"
    script = tmp_path / "train.py"
    script.write_text(text)
    step, kind, told = used("python", 7, True)
    note = step, kind, {**told, "place": {"file": str(script), "line": 4, "function": "<module>"}}
    source = {"path": str(script), "digest": hashlib.sha256(text.encode()).hexdigest()}
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": (note,), "meta": {"source": source}}
    (found, *_) = judge(first, {**first, "batches": batches_of(ORDER[::-1])})
    assert (found.cause, found.place) == ("seeded-late", Site(str(script), 3, "<module>"))
    assert found.details == (f"seeded at {script}:4 in <module>",)
    script.write_text(f"# changed\n{text}")
    (found, *_) = judge(first, {**first, "batches": batches_of(ORDER[::-1])})
    assert (found.place, found.details) == (Site(str(script), 4, "<module>"), ())
