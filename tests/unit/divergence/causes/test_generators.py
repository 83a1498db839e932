from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import torch

from planted import ENVIRONMENT, WITHOUT_LOADER, loader, seed, spoiled
from runs import digest
from samerun.divergence.causes.registry import diagnose
from samerun.divergence.compare import compare_runs
from samerun.divergence.evidence import Evidence
from samerun.rng.numpy import RandomStateSource
from samerun.rng.registry import global_sources
from samerun.tracing.format import Phase
from samerun.tracing.generators import Generators
from samerun.tracing.packing import pack_state
from samerun.tracing.sites import Site
from samerun.tracing.writer import Writer


def test_generators_that_move_apart_within_a_step_are_not_a_kernels_doing(judge):
    first = {"events": WITHOUT_LOADER}
    (found,) = judge(first, {**first, "content": spoiled(6, "loss", "gradients", "rng")})
    assert (found.cause, found.certain) == ("generator-ahead", False)
    assert found.sentence == (
        "torch's CPU generator is in another state: something drew from it, or set it, between the ends of steps 5 and "
        "6 in one of the runs; the draws cannot be counted"
    )


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


@pytest.mark.parametrize(("settings", "step", "named"), [(True, 5, True), (True, 4, False), (False, 5, False)])
def test_a_loader_that_is_set_otherwise_and_begun_anew_draws_otherwise(tmp_path, settings, step, named):
    paths = [real(tmp_path / "A.trace"), real(tmp_path / "B.trace", extra_at=5)]
    for path, persistent in zip(paths, (False, settings), strict=True):
        with closing(sqlite3.connect(path)) as file, file:
            _, kind, value = loader(persistent_workers=persistent)
            notes = [(0, kind, value), (step, "iter", {"loader": ""})]
            told = [(at, kind, json.dumps(value)) for at, kind, value in notes]
            file.executemany("INSERT INTO notes (step, kind, value) VALUES (?, ?, ?)", told)
    run = compare_runs(*paths)
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert found.cause == "generator-ahead"
    assert ("loader : persistent_workers: False and True" in found.details) == named
    assert found.place == (Site("train.py", 9, "main") if named else None)
    assert found.advice.startswith("give both loaders the same settings") == named
    assert found.details[-1] == "samerun explain finds the line"


@pytest.mark.parametrize("note", [seed("torch", 2), (0, "load", {"call": "Net.load_state_dict", "on": "Net"})])
@pytest.mark.parametrize("side", [0, 1])
def test_weights_that_were_loaded_or_drawn_otherwise_are_not_the_doing_of_instructions(tmp_path, note, side):
    paths = beginning(tmp_path / "A.trace"), beginning(tmp_path / "B.trace", machine="DEFAULT")
    with closing(sqlite3.connect(paths[side])) as file, file:
        step, kind, value = note
        file.execute("INSERT INTO notes (step, kind, value) VALUES (?, ?, ?)", (step, kind, json.dumps(value)))
    run = compare_runs(*paths)
    causes = [diagnosis.cause for diagnosis in diagnose(Evidence(run.worst))]
    run.close()
    assert "threads" not in causes
