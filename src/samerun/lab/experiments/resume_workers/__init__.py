"""Experiment 5: with workers, is restoring the main process's generators enough?

Every cell of the table is settled by running it: without interruption in one process, until the stop in another, and
from there on in a third, in every way that could be exact.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from samerun.lab.experiment import Experiment, Figures
from samerun.lab.experiments.resume_workers.cells import CELLS, LOADERS
from samerun.lab.experiments.resume_workers.judgement import judge
from samerun.lab.experiments.resume_workers.process import Step, resume, run, stop
from samerun.lab.process import side_by_side
from samerun.lab.text import Text

__all__ = ["EXPERIMENT"]


def _measure() -> Figures:
    straight: dict[str, Any] = {}
    resumed: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        for cells in side_by_side(run, [(loader,) for loader in LOADERS]):
            straight |= cells
        side_by_side(stop, [(loader, folder) for loader in LOADERS])
        for cells in side_by_side(resume, [(loader, folder) for loader in LOADERS]):
            resumed |= cells
    return {
        "cells": {
            cell.name: {
                way: _compared(straight[cell.uninterrupted][cell.stop :], steps)
                for way, steps in resumed[cell.name].items()
            }
            for cell in CELLS
        }
    }


def _compared(straight: list[Step], resumed: list[Step]) -> dict[str, bool]:
    """Return for each part of the steps whether it is the same, in all steps, bit for bit."""
    return {
        part: [step[place] for step in straight] == [step[place] for step in resumed]
        for place, part in enumerate(("order", "items", "training"))
    }


EXPERIMENT = Experiment(
    number=5,
    name="resume-workers",
    title=Text(
        "Is restoring the main process enough, with workers?", "ワーカーがあるとき、メインプロセスを復元すれば足りるか"
    ),
    question=Text(
        "With `num_workers` above 0, is it enough to restore the generators of the main process? At the boundary of an"
        " epoch and inside one; for draws from the global generators, from a private one in the dataset, and with"
        " `generator=`; with torch's loader, torchdata's `StatefulDataLoader` and samerun's.",
        "`num_workers` が 0 より大きいとき、メインプロセスの生成器を復元すれば足りるか。"
        "エポックの境目と途中で、グローバルな生成器・データセットの生成器・`generator=` のそれぞれについて、"
        "torch の DataLoader、torchdata の `StatefulDataLoader`、samerun の DataLoader で調べる。",
    ),
    hypothesis=Text(
        "It is enough where all that is drawn follows from the main process at the moment of the restore: at a"
        " boundary, if each epoch starts new workers. It is not where something is left in a worker or in an iterator.",
        "復元した時点のメインプロセスからすべての乱数が決まるなら足りる。つまり、エポックごとに新しいワーカーが始まる場合の、"
        "エポックの境目である。ワーカーやイテレータの中に何かが残っているなら足りない。",
    ),
    measure=_measure,
    judge=judge,
)
