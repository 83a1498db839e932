"""Experiment 8: one integer for all libraries correlates them, and a sum of seed, rank and epoch collides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch

import samerun
from samerun.derive import derive
from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42
_DRAWS = 1000
_PLOTTED = 200

# Positions of a crop, a power of two: NumPy's randint then takes the lower bits of a word, as torch's always does.
_POSITIONS = 32

_SEEDS, _RANKS, _EPOCHS = range(10), range(8), range(10)


def _measure() -> Figures:
    with samerun.isolate():
        return {
            "draws": _DRAWS,
            "positions": _POSITIONS,
            "schemes": {"classic": _draws("classic"), "independent": _draws("independent")},
            "places": {"seeds": len(_SEEDS), "ranks": len(_RANKS), "epochs": len(_EPOCHS)},
            "sum": _collisions(lambda seed, rank, epoch: seed + rank + epoch),
            "derive": _collisions(lambda seed, rank, epoch: derive(seed, "rank", rank, "epoch", epoch)),
        }


def _draws(scheme: str) -> Figures:
    """Count equal raw words and equal crops of NumPy and torch after seeding both."""
    samerun.seed_everything(_SEED, scheme=scheme)  # type: ignore[arg-type]  # one of its two literals
    ours = np.random.randint(0, 2**32, _DRAWS, dtype=np.uint32) % 2**31
    theirs = torch.empty(_DRAWS, dtype=torch.int32).random_().numpy()  # the lower 31 bits of each word
    samerun.seed_everything(_SEED, scheme=scheme)  # type: ignore[arg-type]  # the same
    x = np.random.randint(0, _POSITIONS, _DRAWS)
    y = torch.randint(0, _POSITIONS, (_DRAWS,)).numpy()
    return {
        "equal_words": int((ours == theirs).sum()),
        "equal_crops": int((x == y).sum()),
        "crops": [x[:_PLOTTED].tolist(), y[:_PLOTTED].tolist()],
    }


def _collisions(rule: Callable[[int, int, int], int]) -> Figures:
    """Count the different seeds of all places, and whether two of them that should differ draw the same."""
    counts = Counter(rule(*place) for place in product(_SEEDS, _RANKS, _EPOCHS))
    first, second = (torch.Generator().manual_seed(rule(*place)) for place in ((41, 1, 0), (42, 0, 0)))
    return {
        "different": len(counts),
        "shared_by": sorted(counts.values()),
        "neighbours_draw_the_same": torch.equal(torch.rand(8, generator=first), torch.rand(8, generator=second)),
    }


def _judge(figures: Figures) -> Outcome:
    classic, independent = figures["schemes"]["classic"], figures["schemes"]["independent"]
    added, derived = figures["sum"], figures["derive"]
    draws, by_chance = figures["draws"], figures["draws"] / figures["positions"]
    places = figures["places"]["seeds"] * figures["places"]["ranks"] * figures["places"]["epochs"]
    conclusion = (
        Claim(
            Text(
                f"With one integer for all libraries NumPy and torch draw the same 32-bit words:"
                f" {classic['equal_words']} of {draws} are equal, and so are {classic['equal_crops']} of {draws} crops"
                " whose x comes from NumPy and whose y from torch.",
                f"すべてのライブラリに同じ整数を渡すと、NumPy と torch は同じ 32 ビットの語を引く。{draws} 個のうち"
                f" {classic['equal_words']} 個が等しく、x を NumPy、y を torch から引いた切り出し位置も {draws} 個中"
                f" {classic['equal_crops']} 個で x = y になる。",
            ),
            classic["equal_words"] == classic["equal_crops"] == draws,
        ),
        Claim(
            Text(
                f"With a derived seed for each library {independent['equal_words']} words are equal, and"
                f" {independent['equal_crops']} crops; chance alone makes about {by_chance:.0f} crops equal.",
                f"ライブラリごとに導いたシードを使うと、等しい語は {independent['equal_words']} 個、等しい位置は"
                f" {independent['equal_crops']} 個になる。偶然だけでも位置は約 {by_chance:.0f} 個で等しくなる。",
            ),
            independent["equal_words"] == 0 and independent["equal_crops"] < 2 * by_chance,
        ),
        Claim(
            Text(
                f"`seed + rank + epoch` gives {added['different']} different seeds to {places} places, so that rank 1"
                " of seed 41 draws the numbers of rank 0 of seed 42.",
                f"`seed + rank + epoch` では、{places} か所に対して異なるシードが {added['different']} 個しかできず、"
                "シード 41 のランク 1 はシード 42 のランク 0 と同じ乱数を引く。",
            ),
            added["different"] < places and added["neighbours_draw_the_same"],
        ),
        Claim(
            Text(
                f'`derive(seed, "rank", rank, "epoch", epoch)` gives {derived["different"]} different seeds to them,'
                " and the two ranks draw different numbers.",
                f'`derive(seed, "rank", rank, "epoch", epoch)` では異なるシードが {derived["different"]} 個でき、'
                "この 2 つのランクは違う乱数を引く。",
            ),
            derived["different"] == places and not derived["neighbours_draw_the_same"],
        ),
    )
    return Outcome(figures, conclusion, (_correlation(figures), _collision(figures, places)), (_plot(figures),))


def _correlation(figures: Figures) -> Table:
    names = {
        "classic": Text("one integer for all", "すべてに同じ整数"),
        "independent": Text("one derived for each", "それぞれに導いたシード"),
    }
    return Table(
        Text(
            f"Equal draws of NumPy and torch, of {figures['draws']}",
            f"NumPy と torch で等しい値({figures['draws']} 個中)",
        ),
        (Text("seeding", "シードの与え方"), Text("32-bit words", "32 ビットの語"), Text("crops", "切り出し位置")),
        tuple(
            (
                Text(f"{names[scheme].en} (`{scheme}`)", f"{names[scheme].ja}(`{scheme}`)"),
                found["equal_words"],
                found["equal_crops"],
            )
            for scheme, found in figures["schemes"].items()
        ),
    )


def _collision(figures: Figures, places: int) -> Table:
    counts = figures["places"]
    rules = {"seed + rank + epoch": figures["sum"], 'derive(seed, "rank", rank, "epoch", epoch)': figures["derive"]}
    return Table(
        Text(
            f"{counts['seeds']} seeds x {counts['ranks']} ranks x {counts['epochs']} epochs = {places} places",
            f"シード {counts['seeds']}、ランク {counts['ranks']}、エポック {counts['epochs']} の {places} か所",
        ),
        (
            Text("rule", "規則"),
            Text("different seeds", "異なるシード"),
            Text("most places with one seed", "1 つのシードを共有する最大数"),
            Text("(41, rank 1) and (42, rank 0)", "(41, ランク 1) と (42, ランク 0)"),
        ),
        tuple(
            (
                f"`{rule}`",
                found["different"],
                found["shared_by"][-1],
                Mark(False, Text("the same draws", "同じ乱数"))
                if found["neighbours_draw_the_same"]
                else Mark(True, Text("other draws", "違う乱数")),
            )
            for rule, found in rules.items()
        ),
    )


def _plot(figures: Figures) -> Plot:
    titles = {
        "classic": Text("one integer for both", "両方に同じ整数"),
        "independent": Text("a derived seed for each", "それぞれに導いたシード"),
    }
    horizontal, vertical = Text("x, from NumPy", "x(NumPy から)"), Text("y, from torch", "y(torch から)")

    def draw(figure: Figure) -> None:
        for axes, (scheme, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
            axes.scatter(*figures["schemes"][scheme]["crops"], s=9, alpha=0.7)
            axes.set(title=title.en, xlabel=horizontal.en, ylabel=vertical.en, aspect="equal")

    return Plot(
        Text(f"The positions of {_PLOTTED} random crops", f"{_PLOTTED} 個のランダムな切り出しの位置"),
        draw,
        (*titles.values(), horizontal, vertical),
        (7.5, 3.6),
    )


EXPERIMENT = Experiment(
    number=8,
    name="one-integer",
    title=Text("One integer for everything", "すべてに同じ整数"),
    question=Text(
        "Is it harmless to give all libraries the same seed, and each rank `seed + rank`?",
        "すべてのライブラリに同じシードを与え、各ランクに `seed + rank` を与えても問題はないか。",
    ),
    hypothesis=Text(
        "No: NumPy's legacy generator and torch's are the same algorithm, seeded by the same formula, so they draw the"
        " same words; and sums of different numbers are often equal.",
        "問題がある。NumPy の旧来の生成器と torch の生成器は同じアルゴリズムで、シードの展開式も同じなので、"
        "同じ語を引く。"
        "また、違う数どうしの和はしばしば等しくなる。",
    ),
    measure=_measure,
    judge=_judge,
)
