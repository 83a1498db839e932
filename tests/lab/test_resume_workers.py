from __future__ import annotations

import pytest

from samerun.lab import find_experiment
from samerun.lab.experiments.resume_workers.cells import CELLS, ways
from samerun.lab.experiments.resume_workers.reasons import REASONS, WAYS
from samerun.lab.experiments.resume_workers.verdicts import exact_ways, verdict

EXPERIMENT = find_experiment("resume-workers")

# Where nothing else is said, the same for global generators, a private one and generator=.
EXACT = {
    ("torch", "0", "boundary"): {"before iter"},
    ("torch", "0", "mid-epoch"): {"epoch replayed"},
    ("torch", "2", "boundary"): {"before iter"},
    ("torch", "2", "mid-epoch"): {"epoch replayed"},
    ("torch", "2 persistent", "boundary"): set(),
    ("torch", "2 persistent", "mid-epoch"): set(),
    ("torchdata", "0", "boundary"): {"state, primed"},
    ("torchdata", "0", "mid-epoch"): {"state, after iter", "epoch replayed"},
    ("torchdata", "2", "boundary"): {"state, primed"},
    ("torchdata", "2", "mid-epoch"): {"epoch replayed"},
    ("torchdata", "2 persistent", "boundary"): set(),
    ("torchdata", "2 persistent", "mid-epoch"): set(),
    **{
        ("samerun", workers, where): {"state, before iter", "state, after iter"}
        for workers in ("0", "2", "2 persistent")
        for where in ("boundary", "mid-epoch")
    },
}
# With generator= the draws of torchdata's loader are not the training's, so that less has to be in order.
ALSO = {
    "torchdata/0/boundary/generator=": {"before iter"},
    "torchdata/2/boundary/generator=": {"before iter", "state, before iter"},
}


def expected(cell):
    return EXACT[cell.loader, cell.workers, cell.where] | ALSO.get(cell.name, set())


@pytest.fixture
def figures():
    parts = ("order", "items", "training")
    return {
        "cells": {
            cell.name: {way.name: dict.fromkeys(parts, way.name in expected(cell)) for way in ways(cell)}
            for cell in CELLS
        }
    }


def failing(figures):
    return [number for number, claim in enumerate(EXPERIMENT.judge(figures).conclusion) if not claim.holds]


def test_there_are_54_cells_each_with_a_reason_and_every_way_has_words():
    assert len({cell.name for cell in CELLS}) == 54
    assert {(cell.loader, cell.workers, cell.where) for cell in CELLS} == set(REASONS)
    assert {way.name for cell in CELLS for way in ways(cell)} == set(WAYS)


def test_the_expected_figures_bear_out_every_sentence(figures):
    assert failing(figures) == []
    said = [verdict(figures, cell) for cell in CELLS]
    assert {word: said.count(word) for word in said} == {"yes": 33, "replay": 9, "no": 12}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_cell_that_came_out_otherwise_breaks_a_sentence(figures, cell):
    for found in figures["cells"][cell.name].values():
        found.update(dict.fromkeys(found, not all(found.values())))
    assert failing(figures) != []


@pytest.mark.parametrize(
    ("name", "way", "part", "claim"),
    [
        ("torch/2/boundary/private", "before iter", "items", 0),
        ("torchdata/0/mid-epoch/global", "state, after iter", "training", 3),
        ("torchdata/2/mid-epoch/generator=", "epoch replayed", "order", 3),
        ("torchdata/2/boundary/global", "state, primed", "items", 4),
        ("samerun/2 persistent/mid-epoch/private", "state, before iter", "order", 5),
    ],
)
def test_one_part_that_differs_in_one_way_breaks_its_sentence(figures, name, way, part, claim):
    figures["cells"][name][way][part] = False
    assert failing(figures) == [claim]


def test_the_tables_say_it(figures):
    summary, table = EXPERIMENT.judge(figures).tables
    assert len(table.rows) == 54
    assert table.folded
    assert [(row[0], row[1].en, row[2].en, row[3].text.en, row[4].en) for row in summary.rows] == [
        ("torch", "0", "boundary", "exact", "generators → `iter(loader)`"),
        ("torch", "0, 2", "mid-epoch", "only replayed", "replay the epoch → generators"),
        ("torch", "2", "boundary", "exact", "generators → `iter(loader)`"),
        ("torch", "2 persistent", "boundary", "never", ""),
        ("torch", "2 persistent", "mid-epoch", "never", ""),
        (
            "torchdata",
            "0, 2",
            "boundary",
            "exact",
            "state → `loader.state_dict()` → generators → `iter(loader)`",
        ),
        ("torchdata", "0", "mid-epoch", "exact", "state → `iter(loader)` → generators"),
        ("torchdata", "2", "mid-epoch", "only replayed", "replay the epoch → generators"),
        ("torchdata", "2 persistent", "boundary, mid-epoch", "never", ""),
        (
            "samerun",
            "0, 2, 2 persistent",
            "boundary, mid-epoch",
            "exact",
            "state → generators → `iter(loader)`; or state → `iter(loader)` → generators",
        ),
    ]


@pytest.mark.slow
def test_every_cell_comes_out_as_expected():
    outcome = EXPERIMENT.run()
    assert {cell.name: set(exact_ways(outcome.figures, cell)) for cell in CELLS} == {
        cell.name: expected(cell) for cell in CELLS
    }
    assert outcome.holds
