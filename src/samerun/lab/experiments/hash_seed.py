"""Experiment 10: a ``PYTHONHASHSEED`` that is set too late."""

from __future__ import annotations

import os
from multiprocessing import get_context
from typing import TYPE_CHECKING

from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import side_by_side
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = "42"
_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()

# How often each way is tried; two random orders of ten classes are equal once in 3,628,800 times.
_TRIES = 2

_WAYS = {
    "unset": Text("not set", "設定しない"),
    "late": Text("set in the script: `os.environ[...]`", "スクリプトの中で設定: `os.environ[...]`"),
    "early": Text(
        f"set before the start: `PYTHONHASHSEED={_SEED} python …`", f"起動前に設定: `PYTHONHASHSEED={_SEED} python …`"
    ),
    "sorted": Text("not set, but `sorted(...)`", "設定しないが `sorted(...)` を使う"),
}


def _measure() -> Figures:
    return {
        way: side_by_side(_process, [(way,)] * _TRIES, PYTHONHASHSEED=_SEED if way == "early" else "random")
        for way in _WAYS
    }


def _process(way: str) -> Figures:
    """Number the classes as many scripts do, here and in a worker that is spawned."""
    from samerun.determinism import hash_seed

    if way == "late":
        os.environ["PYTHONHASHSEED"] = _SEED
    with get_context("spawn").Pool(1) as workers:
        worker = workers.apply(_classes, (way,))
    return {
        "variable": os.environ["PYTHONHASHSEED"],
        "in_force": hash_seed(),
        "classes": _classes(way),
        "classes_of_a_worker": worker,
    }


def _classes(way: str) -> list[str]:
    found = set(_CLASSES)
    return sorted(found) if way == "sorted" else list(found)


def _judge(figures: Figures) -> Outcome:
    same = {way: _same(tries, "classes") for way, tries in figures.items()}
    worker = {
        way: all(found["classes"] == found["classes_of_a_worker"] for found in tries) for way, tries in figures.items()
    }
    late = figures["late"]
    conclusion = (
        Claim(
            Text(
                f"`PYTHONHASHSEED` set inside the script changes nothing: the variable says"
                f" {late[0]['variable']}, and two processes still number the classes differently.",
                "スクリプトの中で `PYTHONHASHSEED` を設定しても何も変わらない。"
                f"変数は {late[0]['variable']} になっているのに、"
                "2 つのプロセスはクラスに違う番号を付ける。",
            ),
            not same["late"] and not same["unset"] and all(found["in_force"] is None for found in late),
        ),
        Claim(
            Text(
                "It does reach processes that are started afterwards: spawned workers agree with each other"
                " and not with the process that started them.",
                "ただし、その後に起動したプロセスには効く。spawn で起動したワーカーどうしは一致し、"
                "それを起動したプロセスとは一致しない。",
            ),
            _same(late, "classes_of_a_worker") and not worker["late"],
        ),
        Claim(
            Text(
                "Set before the start it holds, in the process and in its workers.",
                "起動前に設定すれば、プロセスでもワーカーでも有効になる。",
            ),
            same["early"] and worker["early"] and all(found["in_force"] == int(_SEED) for found in figures["early"]),
        ),
        Claim(
            Text(
                "`sorted` needs no variable: the order is the same everywhere.",
                "`sorted` を使えば変数は要らず、順序はどこでも同じになる。",
            ),
            same["sorted"] and worker["sorted"],
        ),
    )
    return Outcome(figures, conclusion, (_table(figures, same, worker),), (_plot(figures),))


def _same(tries: list[Figures], key: str) -> bool:
    return all(found[key] == tries[0][key] for found in tries)


def _table(figures: Figures, same: dict[str, bool], worker: dict[str, bool]) -> Table:
    return Table(
        Text("The order of a set of ten class names", "10 個のクラス名の set の順序"),
        (
            Text("`PYTHONHASHSEED`", "`PYTHONHASHSEED`"),
            Text("hash seed in force", "実際のハッシュシード"),
            Text("two processes", "2 つのプロセス"),
            Text("process and spawned worker", "プロセスと spawn したワーカー"),
        ),
        tuple(
            (
                _WAYS[way],
                Text("random", "ランダム") if tries[0]["in_force"] is None else tries[0]["in_force"],
                Mark.same(same[way]),
                Mark.same(worker[way]),
            )
            for way, tries in figures.items()
        ),
    )


def _plot(figures: Figures) -> Plot:
    names = {
        "unset": Text("not set", "設定なし"),
        "late": Text("in the script", "スクリプト内"),
        "early": Text("before the start", "起動前"),
        "sorted": Text("sorted", "sorted"),
    }
    label = Text("class number", "クラス番号")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        rows = [found["classes"] for tries in figures.values() for found in tries]
        axes.imshow([[_CLASSES.index(name) for name in row] for row in rows], cmap="tab10", aspect="auto")
        for row, names_in_order in enumerate(rows):
            for column, name in enumerate(names_in_order):
                axes.text(column, row, name, ha="center", va="center", fontsize=6, color="white")
        axes.set_yticks(
            [_TRIES * place + (_TRIES - 1) / 2 for place in range(len(figures))], [names[way].en for way in figures]
        )
        axes.set_xticks(range(len(_CLASSES)))
        axes.set_xlabel(label.en)
        for place in range(1, len(figures)):
            axes.axhline(_TRIES * place - 0.5, color="white", linewidth=4)

    words = (*(name for name in names.values() if name.en != name.ja), label)
    return Plot(Text("Which class gets which number", "どのクラスが何番になるか"), draw, words, (7.5, 3.4))


EXPERIMENT = Experiment(
    number=10,
    name="hash-seed",
    title=Text("A `PYTHONHASHSEED` that comes too late", "遅すぎる `PYTHONHASHSEED`"),
    question=Text(
        "Many a `seed_everything` writes `PYTHONHASHSEED` into `os.environ`. Does it help?",
        "多くの `seed_everything` は `os.environ` に `PYTHONHASHSEED` を書き込む。これは役に立つのか。",
    ),
    hypothesis=Text(
        "No: Python reads the variable once, when the interpreter starts. The numbers that classes get from a `set` of"
        " their names differ from process to process.",
        "役に立たない。Python がこの変数を読むのは、インタプリタの起動時の 1 度だけである。"
        "クラス名の `set` から作ったクラス番号は、プロセスごとに変わる。",
    ),
    measure=_measure,
    judge=_judge,
)
