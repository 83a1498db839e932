"""The conclusion: when restoring the main process's generators is enough, counted in the figures."""

from __future__ import annotations

from dataclasses import dataclass

from samerun.lab.experiment import Claim, Figures
from samerun.lab.experiments.resume_workers.cells import CELLS
from samerun.lab.experiments.resume_workers.verdicts import exact_ways, verdict
from samerun.lab.text import Text

__all__ = ["conclusion"]


def conclusion(figures: Figures) -> tuple[Claim, ...]:
    """Return the answer for each loader and stop."""
    choose = _Chooser(figures)
    return (
        _torch_at_a_boundary(choose("torch", "boundary", "0", "2")),
        _persistent(choose("torch", "any", "2 persistent"), choose("torchdata", "any", "2 persistent")),
        _torch_inside(choose("torch", "mid-epoch", "0", "2")),
        _torchdata_inside(choose("torchdata", "mid-epoch", "0"), choose("torchdata", "mid-epoch", "2")),
        _torchdata_at_a_boundary(choose("torchdata", "boundary", "0", "2")),
        _samerun(choose("samerun", "any", "0", "2", "2 persistent")),
    )


@dataclass(frozen=True)
class _Chooser:
    figures: Figures

    def __call__(self, loader: str, where: str, *workers: str) -> _Cells:
        chosen = [c for c in CELLS if c.loader == loader and c.workers in workers and where in (c.where, "any")]
        return _Cells(
            [exact_ways(self.figures, cell) for cell in chosen], [verdict(self.figures, cell) for cell in chosen]
        )


@dataclass(frozen=True)
class _Cells:
    """Some cells: the exact ways of each, and its verdict."""

    ways: list[list[str]]
    verdicts: list[str]

    def __len__(self) -> int:
        return len(self.verdicts)

    def by(self, way: str) -> int:
        return sum(way in ways for ways in self.ways)

    def said(self, verdict: str) -> int:
        return self.verdicts.count(verdict)


def _torch_at_a_boundary(cells: _Cells) -> Claim:
    before, after = cells.by("before iter"), cells.by("after iter")
    text = Text(
        "At the boundary of an epoch it is enough, with torch's loader and workers that each epoch starts anew as with"
        f" none: {before} of {len(cells)} cells are exact if the generators are put back before `iter(loader)`, {after}"
        " if after it.",
        "エポックの境目では、torch の DataLoader で、ワーカーがないか、エポックごとに新しく始まるなら、それで足りる。"
        f"`iter(loader)` の前に生成器を書き戻せば {len(cells)} 通り中 {before} 通りが正確で、後では {after} 通り。",
    )
    return Claim(text, before == len(cells) and after == 0)


def _persistent(torch: _Cells, torchdata: _Cells) -> Claim:
    never, total = torch.said("no") + torchdata.said("no"), len(torch) + len(torchdata)
    text = Text(
        f"With persistent workers it is not enough: {never} of {total} cells of torch's and torchdata's loader differ"
        " in every way that was tried. The states were in the workers.",
        f"永続ワーカーでは足りない。torch と torchdata の {total} 通り中 {never} 通りは、"
        "試したどの方法でも違う学習になった。状態がワーカーの中にあったからである。",
    )
    return Claim(text, never == total)


def _torch_inside(cells: _Cells) -> Claim:
    replayed = cells.said("replay")
    text = Text(
        "In the middle of an epoch it is not enough with torch's loader, with or without workers:"
        f" {replayed} of {len(cells)} cells are exact only if the epoch is gone through again from the states of its"
        " beginning.",
        "エポックの途中では、torch の DataLoader では、ワーカーがあってもなくても足りない。"
        f"{len(cells)} 通り中 {replayed} 通りは、エポックの初めの状態からやり直した場合に限って正確だった。",
    )
    return Claim(text, replayed == len(cells))


def _torchdata_inside(alone: _Cells, two: _Cells) -> Claim:
    after, before, replayed = alone.by("state, after iter"), alone.by("state, before iter"), two.said("replay")
    text = Text(
        "With `StatefulDataLoader` and its state it is enough in the middle of an epoch without workers, if the"
        f" generators are put back after `iter(loader)`: {after} of {len(alone)}, and {before} if before it. With 2"
        f" workers the epoch has to be replayed ({replayed} of {len(two)}).",
        "`StatefulDataLoader` とその状態があれば、エポックの途中でも、ワーカーなしなら、"
        f"`iter(loader)` の後に生成器を書き戻せば足りる({len(alone)} 通り中 {after} 通り、前では {before} 通り)。"
        f"ワーカーが 2 つなら、エポックをやり直さなければならない({len(two)} 通り中 {replayed} 通り)。",
    )
    return Claim(text, after == len(alone) and before == 0 and replayed == len(two))


def _torchdata_at_a_boundary(cells: _Cells) -> Claim:
    before, primed = cells.by("state, before iter"), cells.by("state, primed")
    text = Text(
        "At a boundary, loading its state and putting the generators back before `iter(loader)` is exact in only"
        f" {before} of {len(cells)} cells; with a call of `loader.state_dict()` in between, in {primed}.",
        "境目では、その状態を読み込み、`iter(loader)` の前に生成器を書き戻しても、正確なのは"
        f" {len(cells)} 通り中 {before} 通りだけである。間に `loader.state_dict()` を呼べば {primed} 通りになる。",
    )
    return Claim(text, before < len(cells) == primed)


def _samerun(cells: _Cells) -> Claim:
    before, after = cells.by("state, before iter"), cells.by("state, after iter")
    text = Text(
        f"With samerun's loader and its state, all is exact: {before} of {len(cells)} cells if the generators are put"
        f" back before `iter(loader)`, {after} if after it.",
        "samerun の DataLoader とその状態なら、すべて正確である。"
        f"`iter(loader)` の前に生成器を書き戻しても {len(cells)} 通り中 {before} 通り、後でも {after} 通り。",
    )
    return Claim(text, before == after == len(cells))
