"""Experiment 4: resumed at the boundary of an epoch without workers, with each library's state one by one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import samerun
from samerun.lab.experiment import Cell, Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import fresh, side_by_side
from samerun.lab.text import Text
from samerun.state import fingerprint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42
_EPOCHS, _STOP = 6, 3
_LIBRARIES = ("python", "numpy", "torch")
_SUBSETS = [subset for count in range(len(_LIBRARIES) + 1) for subset in combinations(_LIBRARIES, count)]

# How each is read and written.
_ACCESS: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "python": (random.getstate, random.setstate),
    "numpy": (np.random.get_state, np.random.set_state),
    "torch": (torch.get_rng_state, torch.set_rng_state),
}

# What is compared in every step, and the library it is drawn from; all but the model, which follows from all.
_PARTS = {
    "order": ("torch", Text("order", "順序")),
    "shift": ("python", Text("shift", "ずらし")),
    "noise": ("numpy", Text("noise", "ノイズ")),
    "cutout": ("torch", Text("cutout", "カットアウト")),
}


class _Digits(Dataset[tuple[torch.Tensor, ...]]):
    """scikit-learn's digits, augmented with draws from all three libraries.

    Each is the image ``float32[64]``, the label, the index, and what was drawn: shift, noise and cutout.
    """

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        self._images = torch.from_numpy(digits.images.astype(np.float32) / 16)
        self._labels = torch.from_numpy(digits.target)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        shift = random.choice((-1, 0, 1))
        noise = torch.from_numpy(np.random.normal(0, 0.05, (8, 8)).astype(np.float32))
        cutout = torch.randint(0, 7, (2,))
        image = torch.roll(self._images[index], shift, 1) + noise
        row, column = cutout.tolist()
        image[row : row + 2, column : column + 2] = 0
        return image.flatten(), self._labels[index], torch.tensor(index), torch.tensor(shift), noise, cutout


class _Training:
    """A small network with dropout, Adam and torch's DataLoader."""

    def __init__(self) -> None:
        random.seed(_SEED)
        np.random.seed(_SEED)
        torch.manual_seed(_SEED)
        self.model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        self.loader = DataLoader(_Digits(), batch_size=64, shuffle=True)

    def epochs(self, count: int) -> Iterator[dict[str, Any]]:
        """Train; yield for each epoch the fingerprints of all its steps and its parameters."""
        for _ in range(count):
            steps = list(self._steps())
            vector = nn.utils.parameters_to_vector(self.model.parameters()).detach()
            yield {"steps": steps, "parameters": vector.tolist()}

    def _steps(self) -> Iterator[dict[str, str]]:
        for images, labels, *drawn in self.loader:
            loss = nn.functional.cross_entropy(self.model(images), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            parts = {part: fingerprint(values) for part, values in zip(_PARTS, drawn, strict=True)}
            yield {**parts, "model": fingerprint(dict(self.model.state_dict()))}


def straight() -> list[dict[str, Any]]:
    """Return the uninterrupted run."""
    return list(_Training().epochs(_EPOCHS))


def stop(checkpoint: str) -> None:
    """Train until the stop and save everything."""
    training = _Training()
    list(training.epochs(_STOP))
    state = {"model": training.model.state_dict(), "optimizer": training.optimizer.state_dict()}
    torch.save({**state, "rng": samerun.capture().state_dict()}, checkpoint)


def resume(checkpoint: str, subsets: list[list[str]]) -> list[list[dict[str, Any]]]:
    """Return the rest of the run for each set of libraries whose generators are put back."""
    return [_resumed(checkpoint, subset) for subset in subsets]


def _resumed(checkpoint: str, libraries: list[str]) -> list[dict[str, Any]]:
    training = _Training()
    state = torch.load(checkpoint, weights_only=True)
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    others = {name: access for name, access in _ACCESS.items() if name not in libraries}
    unrestored = {name: read() for name, (read, _) in others.items()}
    samerun.restore(state["rng"])
    for name, (_, write) in others.items():
        write(unrestored[name])
    return list(training.epochs(_EPOCHS - _STOP))


def _measure() -> Figures:
    reference = fresh(straight)
    with TemporaryDirectory() as folder:
        checkpoint = str(Path(folder, "checkpoint.pt"))
        fresh(stop, checkpoint)
        halves = side_by_side(resume, [(checkpoint, _SUBSETS[:4]), (checkpoint, _SUBSETS[4:])])
    resumed = [run for half in halves for run in half]
    rest = [_compared(reference[_STOP:], epochs) for epochs in resumed]
    beginning = _compared(reference[: _EPOCHS - _STOP], resumed[0])
    return {"resumed": dict(zip(map(_name, _SUBSETS), rest, strict=True)), "none_against_beginning": beginning}


def _name(subset: tuple[str, ...]) -> str:
    return " + ".join(subset) or "none"


def _compared(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> dict[str, Any]:
    """Return whether each part is the same in all steps, and the distance of the parameters after each epoch."""
    steps = [[step for epoch in epochs for step in epoch["steps"]] for epochs in (first, second)]
    same = {part: [step[part] for step in steps[0]] == [step[part] for step in steps[1]] for part in (*_PARTS, "model")}
    distances = [
        float(np.linalg.norm(np.subtract(ours["parameters"], theirs["parameters"])))
        for ours, theirs in zip(first, second, strict=True)
    ]
    return {"same": same, "distances": distances}


def _judge(figures: Figures) -> Outcome:
    resumed = figures["resumed"]
    none, every = resumed[_name(())], resumed[_name(_LIBRARIES)]
    repeated = [part for part in _PARTS if figures["none_against_beginning"]["same"][part]]
    exact = [name for name, found in resumed.items() if found["same"]["model"]]
    conclusion = (
        Claim(
            Text(
                "With weights and optimizer alone the run is another one from the first step. Order and augmentation of"
                " the first epochs come again, bit for bit.",
                "重みとオプティマイザだけでは、最初のステップから違う学習になる。"
                "最初のエポックの順序と拡張が、ビット単位で繰り返される。",
            ),
            not any(none["same"].values()) and repeated == list(_PARTS),
        ),
        Claim(
            Text(
                "Each library's state repairs what is drawn from that library, and nothing else.",
                "各ライブラリの状態は、そのライブラリから引かれるものだけを元に戻す。",
            ),
            all(
                resumed[_name(subset)]["same"][part] == (library in subset)
                for subset in _SUBSETS
                for part, (library, _) in _PARTS.items()
            ),
        ),
        Claim(
            Text(
                f"Of the {len(_SUBSETS)} combinations {len(exact)} is the uninterrupted run, bit for bit: that of all"
                " three.",
                f"{len(_SUBSETS)} 通りの組み合わせのうち、中断しなかった学習とビット単位で同じなのは"
                f" {len(exact)} 通り、3 つすべてを戻した場合である。",
            ),
            exact == [_name(_LIBRARIES)] and not any(every["distances"]),
        ),
    )
    return Outcome(figures, conclusion, (_table(figures),), (_plot(figures),))


_NONE = Text("none", "なし")


def _table(figures: Figures) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in figures["resumed"].items():
        marks = (Mark.same(same) for same in found["same"].values())
        rows.append((_NONE if name == _NONE.en else name, *marks, f"{found['distances'][-1]:.4g}"))
    columns = (
        Text("states put back", "戻した状態"),
        *(Text(f"{text.en} ({library})", f"{text.ja}({library})") for library, text in _PARTS.values()),
        Text("model", "モデル"),
        Text("distance at the end", "最後の距離"),
    )
    title = Text(
        "Against the uninterrupted run, all steps after the stop",
        "中断しなかった学習との比較(中断後のすべてのステップ)",
    )
    return Table(title, columns, tuple(rows))


def _plot(figures: Figures) -> Plot:
    epoch = Text("epoch", "エポック")
    distance = Text("distance of the parameters", "パラメータの距離")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        epochs = range(_STOP, _EPOCHS + 1)
        for number, (name, found) in enumerate(figures["resumed"].items()):
            exact = found["same"]["model"]
            color, width = ("#0f7a4a", 3) if exact else (f"C{number}", 1.5)
            axes.plot(epochs, [0, *found["distances"]], "o-", color=color, linewidth=width, markersize=4, label=name)
        axes.set_xticks(epochs)
        axes.set_xlabel(epoch.en)
        axes.set_ylabel(distance.en)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        axes.spines[["top", "right"]].set_visible(False)

    title = Text(
        "How far each resumed run is from the uninterrupted one, by the states that were put back",
        "中断しなかった学習との距離。戻した状態ごとに",
    )
    return Plot(title, draw, (epoch, distance, _NONE))


EXPERIMENT = Experiment(
    number=4,
    name="resume-epoch",
    title=Text("Which states a resumed run needs", "再開に必要な状態"),
    question=Text(
        "A training without workers is stopped between two epochs and resumed in a new process that seeds with the same"
        " number. Which states must it put back to be the uninterrupted one?",
        "ワーカーのない学習をエポックの間で止め、同じシードを設定した新しいプロセスで再開する。"
        "中断しなかった学習と同じになるには、どの状態を戻さなければならないか。",
    ),
    hypothesis=Text(
        "Besides weights and optimizer, the state of every generator that is drawn from: here Python's for the shift,"
        " NumPy's for the noise, torch's for order, cutout and dropout.",
        "重みとオプティマイザのほかに、引かれるすべての生成器の状態。ここでは、ずらしの Python、ノイズの NumPy、"
        "順序とカットアウトとドロップアウトの torch である。",
    ),
    measure=_measure,
    judge=_judge,
)
