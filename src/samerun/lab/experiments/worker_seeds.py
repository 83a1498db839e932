"""Experiment 2: where the seeds of DataLoader workers come from, with values that somebody else published."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from samerun.lab.experiment import Cell, Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import fresh
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42
_EPOCHS = 5

#: ``[worker, seed, Python, NumPy, torch]`` for each item of two epochs, as printed by cell 7 of
#: ``random_seed_experiment.ipynb`` in github.com/yu-yagi/random_seed_experment at commit 975d1fd2.
_PUBLISHED = [
    [0, 6909045637428952499, 0.76579821087278, 959832575, 1170639138655272132],
    [0, 6909045637428952499, 0.5290557382213695, 882448501, 3236260051783816896],
    [1, 6909045637428952500, 0.622363687543226, 1662264820, 2388289256833682258],
    [1, 6909045637428952500, 0.1621540338542381, 1141922919, 5646074976271009539],
    [0, 8314211556539077902, 0.497469773115513, 1524043329, 8205711491232393797],
    [0, 8314211556539077902, 0.33839484957051635, 389623752, 7724067224563570751],
    [1, 8314211556539077903, 0.7249762437124196, 595172096, 3884317797759040003],
    [1, 8314211556539077903, 0.8192775489191939, 932636739, 8594123293728071240],
]


class _Report(Dataset[list[int | float]]):
    """Items that are the worker, its seed, and what its generators give, as in the published notebook."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> list[int | float]:
        worker = get_worker_info()
        assert worker is not None
        return [worker.id, worker.seed, *_draws(random, np.random, torch.default_generator)]


def _draws(python: Any, numpy: Any, generator: torch.Generator) -> list[int | float]:
    return [python.random(), int(numpy.randint(0, 2**31 - 1, dtype=np.int64)), _drawn(generator)]


def _drawn(generator: torch.Generator | None = None) -> int:
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


def observe(persistent: bool) -> dict[str, Any]:
    """Return every item of some epochs with two workers, the numbers of the main process's generator, and its next."""
    torch.manual_seed(_SEED)
    drawn = [_drawn() for _ in range(_EPOCHS + 1)]
    torch.manual_seed(_SEED)
    loader = DataLoader(
        _Report(), batch_size=2, num_workers=2, persistent_workers=persistent, collate_fn=lambda items: items
    )
    epochs = [[item for batch in loader for item in batch] for _ in range(_EPOCHS)]
    predicted = [_predicted(base_seed) for base_seed in drawn[:-1]]
    return {"drawn": drawn, "epochs": epochs, "predicted": predicted, "next": _drawn()}


def _predicted(base_seed: int) -> list[list[int | float]]:
    """Return the items of an epoch as they follow from its ``base_seed``, without a worker."""
    items = []
    for worker in range(2):
        words = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
        numpy = np.random.RandomState(np.random.SeedSequence(words).generate_state(4))
        python, generator = random.Random(base_seed + worker), torch.Generator().manual_seed(base_seed + worker)
        items += [[worker, base_seed + worker, *_draws(python, numpy, generator)] for _ in range(2)]
    return items


def _measure() -> Figures:
    return {"anew": fresh(observe, False), "persistent": fresh(observe, True), "published": _PUBLISHED}


def _judge(figures: Figures) -> Outcome:
    anew, persistent = figures["anew"], figures["persistent"]
    found = [item for epoch in anew["epochs"] for item in epoch]
    published = figures["published"]
    agree = sum(ours == theirs for ours, theirs in zip(found, published, strict=False))
    base_seeds = [epoch[0][1] for epoch in anew["epochs"]]
    conclusion = (
        Claim(
            Text(
                f"All {len(published)} published rows came out again, to the last digit: {agree} of {len(published)}.",
                f"公開されている {len(published)} 行のうち {agree} 行が、最後の桁まで再現した。",
            ),
            agree == len(published),
        ),
        Claim(
            Text(
                "`base_seed` is one draw from torch's generator in the main process at each `iter(loader)`, and worker"
                " `i` has the seed `base_seed + i`.",
                "`base_seed` は `iter(loader)` のたびにメインプロセスの torch の生成器から引かれる 1 つの数で、"
                "ワーカー `i` のシードは `base_seed + i` である。",
            ),
            [*base_seeds, anew["next"]] == anew["drawn"]
            and all(item[1] == base_seeds[0] + item[0] for item in anew["epochs"][0]),
        ),
        Claim(
            Text(
                f"All that the workers draw in {_EPOCHS} epochs follows from it: Python and torch are seeded with"
                " `base_seed + i`, NumPy with four words of"
                " `SeedSequence([i, low half, high half, 0])`.",
                f"{_EPOCHS} エポックでワーカーが引く数は、すべてそこから決まる。"
                "Python と torch のシードは `base_seed + i`、NumPy のシードは"
                " `SeedSequence([i, 下位, 上位, 0])` の 4 語である。",
            ),
            anew["epochs"] == anew["predicted"],
        ),
        Claim(
            Text(
                "Persistent workers are seeded in the first epoch only; in later ones no `base_seed` is drawn and their"
                " generators go on.",
                "永続ワーカーにシードが設定されるのは最初のエポックだけで、"
                "以後は `base_seed` が引かれず、生成器はそのまま進む。",
            ),
            persistent["epochs"][0] == persistent["predicted"][0]
            and persistent["next"] == persistent["drawn"][1]
            and {item[1] - item[0] for epoch in persistent["epochs"] for item in epoch} == {persistent["drawn"][0]}
            and not any(_firsts(persistent, "epochs")[n] == _firsts(persistent, "predicted")[n] for n in range(2, 10)),
        ),
    )
    return Outcome(figures, conclusion, (_table(found, published),), (_plot(figures),))


def _firsts(figures: Figures, key: str) -> list[float]:
    """Return the first number of Python's generator for each worker of each epoch."""
    return [epoch[place][2] for epoch in figures[key] for place in (0, 2)]


def _table(found: list[list[int | float]], published: list[list[int | float]]) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (number // 4, *(str(value) for value in ours), Mark.same(ours == theirs))
        for number, (ours, theirs) in enumerate(zip(found, published, strict=False))
    )
    columns = (
        Text("epoch", "エポック"),
        Text("worker", "ワーカー"),
        Text("seed", "シード"),
        Text("Python", "Python"),
        Text("NumPy", "NumPy"),
        Text("torch", "torch"),
        Text("published", "公開された値"),
    )
    title = Text(
        "Seeds and draws of two workers, and the values of github.com/yu-yagi/random_seed_experment",
        "2 つのワーカーのシードと引いた数、github.com/yu-yagi/random_seed_experment の値との比較",
    )
    return Table(title, columns, rows)


def _plot(figures: Figures) -> Plot:
    titles = (
        Text("new workers in each epoch", "エポックごとに新しいワーカー"),
        Text("persistent workers", "永続ワーカー"),
    )
    epoch = Text("epoch", "エポック")
    number = Text("first number of a worker", "ワーカーの最初の数")
    words = Text("worker, found", "ワーカー(実測)"), Text("from its base_seed", "base_seed からの予測")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, key, title in zip(panels, ("anew", "persistent"), titles, strict=True):
            _draw_firsts(axes, figures[key], words)
            axes.set_title(title.en, fontsize=9)
            axes.set_xlabel(epoch.en)
        panels[0].set_ylabel(number.en)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)

    title = Text("A worker's first number, and what its seed predicts", "ワーカーの最初の数と、シードからの予測")
    return Plot(title, draw, (*titles, epoch, number, *words))


def _draw_firsts(axes: Axes, figures: Figures, words: tuple[Text, Text]) -> None:
    places = [epoch + 0.2 * worker - 0.1 for epoch in range(_EPOCHS) for worker in (0, 1)]
    axes.plot(places, _firsts(figures, "epochs"), "o", color="C0", markersize=5, label=words[0].en)
    axes.plot(
        places, _firsts(figures, "predicted"), "o", color="C1", markersize=11, fillstyle="none", label=words[1].en
    )
    axes.set_xticks(range(_EPOCHS))
    axes.set_ylim(-0.05, 1.05)
    axes.spines[["top", "right"]].set_visible(False)


EXPERIMENT = Experiment(
    number=2,
    name="worker-seeds",
    title=Text("Where a worker's seed comes from", "ワーカーのシードはどこから来るか"),
    question=Text(
        "With which seeds do the workers of torch's DataLoader start, where do these come from, and what happens in the"
        " next epoch?",
        "torch の DataLoader のワーカーは、どのシードで始まるか。それはどこから来て、次のエポックではどうなるか。",
    ),
    hypothesis=Text(
        "Worker `i` starts with `base_seed + i`. `base_seed` is drawn from the main process's torch generator when an"
        " epoch starts new workers.",
        "ワーカー `i` は `base_seed + i` で始まる。`base_seed` は、エポックが新しいワーカーを始めるときに、"
        "メインプロセスの torch の生成器から引かれる。",
    ),
    measure=_measure,
    judge=_judge,
)
