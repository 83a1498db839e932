"""Experiment 1: reading and writing the states of generators, and what a state is made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import fresh
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42

# Single draws whose effect on the position is followed; more than a block of 624 words.
_DRAWS = 700

# Generators that are the Mersenne Twister, and where the position is in what their libraries return.
_POSITIONS: dict[str, Callable[[Any], int]] = {
    "random": lambda state: int(state[1][-1]),
    "np.random": lambda state: int(state[2]),
    "torch, CPU": lambda state: int(state[16:24].clone().view(torch.int64).item()),
}


@dataclass(frozen=True)
class _Library:
    draw: Callable[[], int | float]
    read: Callable[[], Any]
    write: Callable[[Any], object]
    describe: Callable[[Any], str]


def _libraries() -> dict[str, _Library]:
    private = np.random.default_rng(_SEED)
    found = {
        "random": _Library(random.random, random.getstate, random.setstate, _describe_python),
        "np.random": _Library(_numpy_draw, np.random.get_state, np.random.set_state, _describe_numpy),
        "default_rng": _Library(
            lambda: int(private.integers(2**31 - 1)),
            lambda: private.bit_generator.state,
            lambda state: setattr(private.bit_generator, "state", state),
            _describe_pcg,
        ),
        "torch, CPU": _Library(_torch_draw, torch.get_rng_state, torch.set_rng_state, _describe_torch_cpu),
    }
    if torch.cuda.is_available():
        draw = lambda: float(torch.rand((), device="cuda").item())  # noqa: E731 - as the others
        found["torch, CUDA"] = _Library(draw, torch.cuda.get_rng_state, torch.cuda.set_rng_state, _describe_philox)
    return found


def _numpy_draw() -> int:
    return int(np.random.randint(0, 2**31 - 1, dtype=np.int64))


def _torch_draw() -> int:
    return int(torch.empty((), dtype=torch.int64).random_().item())


def _describe_python(state: Any) -> str:
    version, words, gauss = state
    return f"version {version}, {len(words) - 1} words, position {words[-1]}, gauss {gauss}"


def _describe_numpy(state: Any) -> str:
    algorithm, words, position, has_gauss, gauss = state
    return f"{algorithm}, {len(words)} words, position {position}, has_gauss {has_gauss}, gauss {gauss}"


def _describe_pcg(state: Any) -> str:
    bits = state["state"]["state"].bit_length(), state["state"]["inc"].bit_length()
    return (
        f"{state['bit_generator']}, state of {bits[0]} bits, increment of {bits[1]}, has_uint32 {state['has_uint32']}"
    )


def _describe_torch_cpu(state: torch.Tensor) -> str:
    # The layout of torch's aten/src/ATen/CPUGeneratorImpl.cpp: 24 bytes, the words in 8 bytes each, 40 for a gaussian.
    seed, position = (state[place : place + 8].clone().view(torch.int64).item() for place in (0, 16))
    return f"{state.numel()} bytes: seed {seed}, {(state.numel() - 64) // 8} words, position {position}, gaussian"


def _describe_philox(state: torch.Tensor) -> str:
    seed, offset = state.view(torch.int64).tolist()
    return f"{state.numel()} bytes: seed {seed}, offset {offset}"


def observe() -> Figures:
    """Return what is seen in one process with the libraries' own functions."""
    random.seed(_SEED)
    np.random.seed(_SEED)
    torch.manual_seed(_SEED)
    libraries = _libraries()
    return {
        "states": {name: library.describe(library.read()) for name, library in libraries.items()},
        "peeks": {name: _peek(library) for name, library in libraries.items()},
        "positions": {name: list(_positions(libraries[name], find)) for name, find in _POSITIONS.items()},
        "transplanted": _transplanted(),
        "gauss": _gauss(),
    }


def _peek(library: _Library) -> dict[str, int | float]:
    state = library.read()
    first, following = library.draw(), library.draw()
    library.write(state)
    return {"first": first, "following": following, "restored": library.draw()}


def _positions(library: _Library, find: Callable[[Any], int]) -> Iterator[int]:
    for _ in range(_DRAWS):
        library.draw()
        yield find(library.read())


def _transplanted() -> dict[str, list[int]]:
    """Put the words of Python's generator into the others and draw the same from all: the 31 bits torch gives."""
    random.seed(_SEED)
    random.getrandbits(32)
    _, (*words, position), _ = random.getstate()
    np.random.set_state(("MT19937", np.array(words, np.uint32), position, 0, 0.0))
    state = torch.get_rng_state().numpy().copy()
    state[8:12].view(np.int32)[:] = len(words) + 1 - position
    state[16:24].view(np.int64)[:] = position
    state[24 : 24 + 8 * len(words)].view(np.uint64)[:] = words
    torch.set_rng_state(torch.from_numpy(state))
    return {
        "random": [random.getrandbits(32) % 2**31 for _ in range(1000)],
        "np.random": (np.random.randint(0, 2**32, 1000, dtype=np.uint32) % 2**31).tolist(),
        "torch, CPU": torch.empty(1000, dtype=torch.int32).random_().tolist(),
    }


def _gauss() -> dict[str, float]:
    """Draw one of a pair of gaussians, then the next: from the whole state, and from its words alone."""
    random.seed(_SEED)
    random.gauss(0, 1)
    version, words, _ = state = random.getstate()
    expected = random.gauss(0, 1)
    random.setstate(state)
    whole = random.gauss(0, 1)
    random.setstate((version, words, None))
    return {"expected": expected, "whole": whole, "words_only": random.gauss(0, 1)}


def _judge(figures: Figures) -> Outcome:
    peeks, gauss = figures["peeks"], figures["gauss"]
    drawn = list(figures["transplanted"].values())
    conclusion = (
        Claim(
            Text(
                f"Put back, the state of each of the {len(peeks)} generators gives the same number again;"
                " without putting it back the next one is another.",
                f"{len(peeks)} 種類の生成器のどれも、状態を書き戻せば同じ数がもう一度出る。"
                "書き戻さなければ、次に出るのは別の数である。",
            ),
            all(peek["restored"] == peek["first"] != peek["following"] for peek in peeks.values()),
        ),
        Claim(
            Text(
                "Python's, NumPy's global and torch's CPU generator are one algorithm, the Mersenne Twister: with the"
                " 624 words of one in all three, 1,000 draws are the same.",
                "Python、NumPy のグローバル、torch の CPU の生成器は同じアルゴリズム(メルセンヌ・ツイスタ)である。"
                "ひとつの 624 語を 3 つすべてに入れると、引いた 1,000 個の数が一致する。",
            ),
            all(words == drawn[0] for words in drawn),
        ),
        Claim(
            Text(
                "The words are not the whole state: half of a pair of gaussians may be kept beside them, and is lost"
                " if only the words are put back.",
                "語だけが状態のすべてではない。正規乱数の対の片方が脇に保存されていることがあり、語だけを書き戻すと失われる。",
            ),
            gauss["whole"] == gauss["expected"] != gauss["words_only"],
        ),
    )
    return Outcome(
        figures, conclusion, (_peek_table(figures), _state_table(figures), _gauss_table(figures)), (_plot(figures),)
    )


def _peek_table(figures: Figures) -> Table:
    rows = []
    for name, peek in figures["peeks"].items():
        mark = Mark.same(peek["restored"] == peek["first"])
        numbers = (str(peek[key]) for key in ("first", "following", "restored"))
        rows.append((name, *numbers, mark))
    columns = (
        Text("generator", "生成器"),
        Text("peek", "のぞき見"),
        Text("the next", "その次"),
        Text("put back, again", "書き戻してもう一度"),
        Text("", ""),
    )
    return Table(Text("Peek, put back, peek again", "のぞいて、書き戻して、もう一度のぞく"), columns, tuple(rows))


def _state_table(figures: Figures) -> Table:
    columns = Text("generator", "生成器"), Text("state", "状態")
    title = Text("What a state is made of, after seeding with 42", "状態の中身(シード 42 の直後)")
    return Table(title, columns, tuple(figures["states"].items()))


def _gauss_table(figures: Figures) -> Table:
    gauss = figures["gauss"]
    rows = tuple(
        (text, str(gauss[key]), Mark.same(gauss[key] == gauss["expected"]))
        for key, text in (
            ("expected", Text("not interrupted", "中断なし")),
            ("whole", Text("whole state put back", "状態をすべて書き戻す")),
            ("words_only", Text("words and position put back", "語と位置だけを書き戻す")),
        )
    )
    columns = (Text("", ""), Text("the second `random.gauss(0, 1)`", "2 回目の `random.gauss(0, 1)`"), Text("", ""))
    return Table(Text("The kept gaussian", "保存されている正規乱数"), columns, rows)


def _plot(figures: Figures) -> Plot:
    draws = Text("draws of one number", "数をひとつ引いた回数")
    position = Text("position in the 624 words", "624 語の中の位置")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        styles = (("C0", "-", 3.5, 0.35), ("C1", "--", 1.5, 1.0), ("C2", "-", 1.5, 1.0))
        for (name, positions), (color, line, width, alpha) in zip(figures["positions"].items(), styles, strict=True):
            axes.plot(range(1, _DRAWS + 1), positions, line, color=color, linewidth=width, alpha=alpha, label=name)
        axes.set_xlabel(draws.en)
        axes.set_ylabel(position.en)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        axes.spines[["top", "right"]].set_visible(False)

    title = Text(
        "A draw moves the position; after 624 words a new block is made",
        "引くたびに位置が進み、624 語を使い切ると新しいブロックが作られる",
    )
    return Plot(title, draw, (draws, position))


EXPERIMENT = Experiment(
    number=1,
    name="generator-states",
    title=Text("A generator's state can be read and put back", "乱数生成器の状態は読み出して書き戻せる"),
    question=Text(
        "Can the state of each library's generator be read and put back, so that the same numbers come again? What is"
        " it made of?",
        "各ライブラリの生成器の状態を読み出し、書き戻すと、同じ数がもう一度出るか。状態は何からできているか。",
    ),
    hypothesis=Text(
        "A state determines all numbers that follow. Python's, NumPy's global and torch's CPU generator hold 624 words"
        " and a position; all but `default_rng` may hold a gaussian as well.",
        "状態は、その後に出るすべての数を決める。"
        "Python、NumPy のグローバル、torch の CPU の生成器は 624 語と位置を持ち、"
        "`default_rng` 以外は正規乱数をひとつ余分に持つことがある。",
    ),
    measure=lambda: fresh(observe),
    judge=_judge,
)
