"""Experiment 11: the NumPy draws that old versions of torch repeated in every worker, by their seeding rule.

Simulated: a ``worker_init_fn`` undoes what today's torch does. Before version 1.9 torch seeded Python and itself in a
worker and left NumPy as the fork had copied it (pytorch/pytorch issue 5059; pull request 56488 changed it).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import samerun
from samerun.lab.experiment import Claim, Experiment, Figures, Outcome, Plot, Table
from samerun.lab.process import fresh
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42
_WORKERS, _BATCHES_EACH, _EPOCHS = 4, 8, 2
_ITEMS = _WORKERS * _BATCHES_EACH

_RULES = {
    "old": Text(
        "torch before 1.9: NumPy is not seeded (simulated)", "1.9 より前の torch: NumPy のシードは設定されない(再現)"
    ),
    "added": Text("`np.random.seed(42 + worker_id)`", "`np.random.seed(42 + worker_id)`"),
    "recipe": Text("`np.random.seed(torch.initial_seed() % 2**32)`", "`np.random.seed(torch.initial_seed() % 2**32)`"),
    "today": Text("torch of today: seeded by torch", "現在の torch: torch がシードを設定する"),
}


class _Draws(Dataset[int]):
    """Items that are one draw of NumPy's global generator."""

    def __len__(self) -> int:
        return _ITEMS

    def __getitem__(self, index: int) -> int:
        return int(np.random.randint(2**31))


def _measure() -> Figures:
    figures: Figures = fresh(_epochs)
    return figures


def _epochs() -> Figures:
    """Return, for each rule, ``int[epochs][items]`` as drawn by four workers that take turns."""
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # fewer cores than workers
    drawn: Figures = {}
    for rule in _RULES:
        samerun.seed_everything(_SEED)
        loader = DataLoader(
            _Draws(),
            batch_size=None,
            num_workers=_WORKERS,
            worker_init_fn=_begin(rule),
            multiprocessing_context="fork",
        )
        drawn[rule] = [[int(number) for number in loader] for _ in range(_EPOCHS)]
    return drawn


def _begin(rule: str) -> Callable[[int], None] | None:
    """Return the ``worker_init_fn`` of a rule."""
    copied = np.random.get_state()  # what a fork gives every worker; the main process draws nothing from it
    rules: dict[str, Callable[[int], None]] = {
        "old": lambda _: np.random.set_state(copied),
        "added": lambda worker: np.random.seed(_SEED + worker),
        "recipe": lambda _: np.random.seed(torch.initial_seed() % 2**32),
    }
    return rules.get(rule)


def _judge(figures: Figures) -> Outcome:
    one = {rule: len(set(epochs[0])) for rule, epochs in figures.items()}
    both = {rule: len({number for epoch in epochs for number in epoch}) for rule, epochs in figures.items()}
    items, total = _ITEMS, _ITEMS * _EPOCHS
    conclusion = (
        Claim(
            Text(
                f"By the old rule the {_WORKERS} workers give the same numbers and each epoch repeats them:"
                f" {both['old']}"
                f" different ones among {total}.",
                f"古い規則では {_WORKERS} 個のワーカーが同じ値を出し、エポックごとにそれを繰り返す。"
                f"{total} 個のうち異なる値は"
                f" {both['old']} 個しかない。",
            ),
            one["old"] == both["old"] == _BATCHES_EACH,
        ),
        Claim(
            Text(
                f"`seed + worker_id` cures the workers and not the epochs: {both['added']} of {total}.",
                "`seed + worker_id` はワーカー間の重複を直すが、"
                f"エポック間の重複は直さない({total} 個中 {both['added']} 個)。",
            ),
            one["added"] == both["added"] == items,
        ),
        Claim(
            Text(
                "A seed taken from torch's, which changes with worker and epoch, cures both, by hand"
                f" ({both['recipe']} of"
                f" {total}) as in torch of today ({both['today']} of {total}).",
                "ワーカーとエポックごとに変わる torch のシードから決めれば両方が直る。手で書いても"
                f"({total} 個中 {both['recipe']} 個)、"
                f"現在の torch に任せても({total} 個中 {both['today']} 個)同じである。",
            ),
            both["recipe"] == both["today"] == total,
        ),
    )
    return Outcome(figures, conclusion, (_table(one, both),), (_plot(figures),))


def _table(one: dict[str, int], both: dict[str, int]) -> Table:
    return Table(
        Text(f"Different draws of {_WORKERS} workers", f"{_WORKERS} 個のワーカーが引いた異なる値の数"),
        (
            Text("rule in the worker", "ワーカーでの規則"),
            Text(f"in one epoch, of {_ITEMS}", f"1 エポックで({_ITEMS} 個中)"),
            Text(f"in two epochs, of {_ITEMS * _EPOCHS}", f"2 エポックで({_ITEMS * _EPOCHS} 個中)"),
        ),
        tuple((text, one[rule], both[rule]) for rule, text in _RULES.items()),
    )


def _plot(figures: Figures) -> Plot:
    titles = {
        "old": Text("before torch 1.9", "torch 1.9 より前"),
        "added": Text("seed + worker_id", "seed + worker_id"),
        "recipe": Text("initial_seed", "initial_seed"),
        "today": Text("today", "現在"),
    }
    horizontal, vertical = Text("item of a worker", "ワーカー内の順番"), Text("epoch and worker", "エポックとワーカー")

    def draw(figure: Figure) -> None:
        for axes, (rule, epochs) in zip(figure.subplots(1, len(titles), sharey=True), figures.items(), strict=True):
            # Workers take turns, so every fourth item is the same worker's.
            rows = [epoch[worker::_WORKERS] for epoch in epochs for worker in range(_WORKERS)]
            axes.imshow(rows, cmap="viridis", aspect="auto")
            axes.axhline(_WORKERS - 0.5, color="white", linewidth=3)
            axes.set_title(titles[rule].en, fontsize="medium")
            axes.set_xlabel(horizontal.en)
            axes.set_yticks(range(len(rows)), [f"{row // _WORKERS}.{row % _WORKERS}" for row in range(len(rows))])
        figure.supylabel(vertical.en, fontsize="medium")

    words = (*(title for title in titles.values() if title.en != title.ja), horizontal, vertical)
    return Plot(
        Text("What the workers drew; equal colours are equal numbers", "各ワーカーが引いた値(同じ色は同じ値)"),
        draw,
        words,
        (7.5, 2.8),
    )


EXPERIMENT = Experiment(
    number=11,
    name="numpy-duplicates",
    title=Text("NumPy's duplicates of old torch versions", "古い torch での NumPy の乱数の重複"),
    question=Text(
        "Why do so many scripts seed NumPy in a `worker_init_fn`, and is it still needed?",
        "なぜ多くのスクリプトは `worker_init_fn` で NumPy のシードを設定するのか。今も必要なのか。",
    ),
    hypothesis=Text(
        "Before version 1.9 torch left NumPy's generator in each worker as the fork had copied it, so all workers"
        " drew the"
        " same, in every epoch. Torch of today seeds it. (The old rule is simulated by putting the copied state back.)",
        "1.9 より前の torch は、fork が複製した NumPy の生成器をワーカーの中でそのままにしていた。そのため、"
        "どのワーカーもどのエポックも"
        "同じ値を引いた。現在の torch はシードを設定する。(古い規則は、複製された状態を書き戻すことで再現する。)",
    ),
    measure=_measure,
    judge=_judge,
)
