"""Experiment 6: the number of workers changes the run, why it does, and how keyed items cure it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader

import samerun
from samerun.lab.draws import GlobalDraws
from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import side_by_side
from samerun.lab.text import Text
from samerun.state import fingerprint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42
_ITEMS, _BATCH_SIZE = 12, 2
_LOADERS = ("torch", "samerun")
_COUNTS = (0, 1, 2, 3)


def observe(loader: str, workers: int) -> dict[str, Any]:
    """Return one epoch of items, not shuffled, and what the training draws after each batch."""
    samerun.seed_everything(_SEED)
    kind = samerun.DataLoader if loader == "samerun" else DataLoader
    items, training = [], []
    for batch in kind(GlobalDraws(_ITEMS), batch_size=_BATCH_SIZE, num_workers=workers):
        items += batch.tolist()
        training.append(float(torch.rand((), dtype=torch.float64)))
    return {"items": items, "training": training, "predicted": _predicted(workers)}


def _predicted(workers: int) -> list[float]:
    """Return Python's number for each item as it follows from the seeds and turns of torch's workers."""
    generator = torch.Generator().manual_seed(_SEED)
    base_seed = int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())
    seeds = [base_seed + worker for worker in range(workers)] or [_SEED]
    generators = [random.Random(seed) for seed in seeds]
    return [generators[item // _BATCH_SIZE % len(generators)].random() for item in range(_ITEMS)]


def _measure() -> Figures:
    calls = [(loader, workers) for loader in _LOADERS for workers in _COUNTS]
    found = dict(zip(calls, side_by_side(observe, calls), strict=True))
    return {loader: {str(workers): found[loader, workers] for workers in _COUNTS} for loader in _LOADERS}


def _different(figures: Figures, part: str) -> int:
    return len({fingerprint(found[part]) for found in figures.values()})


def _judge(figures: Figures) -> Outcome:
    torch_, ours = figures["torch"], figures["samerun"]
    epochs, trainings = _different(torch_, "items"), _different(torch_, "training")
    with_workers = {workers: found for workers, found in torch_.items() if workers != "0"}
    conclusion = (
        Claim(
            Text(
                f"With torch's loader, 0, 1, 2 and 3 workers give {epochs} different epochs for one seed.",
                f"torch の DataLoader では、同じシードでも、ワーカー数 0 から 3 で {epochs} 通りのエポックになる。",
            ),
            epochs == len(_COUNTS),
        ),
        Claim(
            Text(
                "An item gets the next number of the worker whose turn it is: all of Python's numbers are predicted"
                " from `base_seed + i` and the turns alone.",
                "データが得るのは、番が来たワーカーの次の数である。"
                "Python の数はすべて、`base_seed + i` と順番だけから予測できる。",
            ),
            all([item[1] for item in found["items"]] == found["predicted"] for found in torch_.values()),
        ),
        Claim(
            Text(
                "Without workers the items draw from the training's own generators, so what the training draws changes"
                " as well.",
                "ワーカーがないと、データは学習自身の生成器から引く。そのため、学習が引く数も変わる。",
            ),
            trainings == 2 and _different(with_workers, "training") == 1,
        ),
        Claim(
            Text(
                "With samerun's loader items and training are the same bits with any of these numbers.",
                "samerun の DataLoader では、どのワーカー数でも、データも学習も同じビットである。",
            ),
            _different(ours, "items") == _different(ours, "training") == 1,
        ),
    )
    return Outcome(figures, conclusion, (_table(figures),), (_plot(figures),))


def _table(figures: Figures) -> Table:
    rows = tuple(
        (
            loader,
            workers,
            fingerprint(found["items"])[:12],
            Mark.same(found["items"] == figures[loader]["0"]["items"]),
            fingerprint(found["training"])[:12],
            Mark.same(found["training"] == figures[loader]["0"]["training"]),
        )
        for loader in _LOADERS
        for workers, found in figures[loader].items()
    )
    against = Text("as with 0 workers", "ワーカー 0 と")
    columns = (
        Text("loader", "ローダー"),
        Text("workers", "ワーカー"),
        Text("items", "データ"),
        against,
        Text("training's draws", "学習が引いた数"),
        against,
    )
    return Table(Text("Fingerprints of one epoch", "1 エポックのフィンガープリント"), columns, rows)


def _plot(figures: Figures) -> Plot:
    item, workers = Text("item", "データ"), Text("workers", "ワーカー数")
    titles = Text("torch's loader", "torch の DataLoader"), Text("samerun's loader", "samerun の DataLoader")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, loader, title in zip(panels, _LOADERS, titles, strict=True):
            numbers = [[drawn[1] for drawn in found["items"]] for found in figures[loader].values()]
            axes.pcolormesh(np.array(numbers), cmap="viridis", vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
            axes.set_title(title.en, fontsize=9)
            axes.set_xticks(np.arange(0, _ITEMS, 2) + 0.5, [str(number) for number in range(0, _ITEMS, 2)])
            axes.set_yticks(np.arange(len(_COUNTS)) + 0.5, [str(number) for number in _COUNTS])
            axes.set_xlabel(item.en)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
        panels[0].set_ylabel(workers.en)
        panels[0].invert_yaxis()  # shared

    title = Text(
        "The number that each item draws (color) with 0 to 3 workers: a column of one color is the same item",
        "ワーカー数 0 から 3 で、各データが引いた数(色)。縦に同じ色なら、同じデータになっている",
    )
    return Plot(title, draw, (item, workers, *titles), size=(7.5, 2.4))


EXPERIMENT = Experiment(
    number=6,
    name="worker-count",
    title=Text("The number of workers changes the run", "ワーカー数を変えると学習が変わる"),
    question=Text(
        "Does the number of workers, which should only change the speed, change what is trained on? Why?",
        "速さだけを変えるはずのワーカー数が、学習するデータまで変えるか。それはなぜか。",
    ),
    hypothesis=Text(
        "It does: each worker has a generator of its own, and an item draws from whichever worker makes it. If what an"
        " item draws follows from its place in the epoch, it does not.",
        "変える。ワーカーはそれぞれ自分の生成器を持ち、データは、それを作るワーカーから数を引くからである。"
        "データが引く数がエポック内の位置で決まるなら、変わらない。",
    ),
    measure=_measure,
    judge=_judge,
)
