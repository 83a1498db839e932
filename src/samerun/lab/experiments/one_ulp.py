"""Experiment 12: how the smallest difference there is, in one weight, grows into another model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

import samerun
from samerun.lab.experiment import Claim, Experiment, Figures, Outcome, Plot, Table
from samerun.lab.process import side_by_side
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_EPOCHS, _BATCH, _TRAINED_ON = 20, 64, 1344  # of 1,797 digits; the others are for the test
_STEPS = _TRAINED_ON // _BATCH

_OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
}

# What the runs differ in from the first one.
_RUNS = {
    "straight": Text("the first run", "最初の学習"),
    "again": Text("the same again", "同じものをもう一度"),
    "ulp": Text("one ulp in one weight", "重み 1 個に 1 ulp の差"),
    "order": Text("another order of samples", "データの順序を変更"),
}


def _measure() -> Figures:
    return dict(zip(_OPTIMIZERS, side_by_side(_compare, [(name,) for name in _OPTIMIZERS]), strict=True))


def _compare(optimizer: str) -> Figures:
    """Train all runs with that optimizer and compare them with the first, after each step and epoch."""
    samerun.deterministic(threads=1)
    runs = {name: _train(name, _OPTIMIZERS[optimizer]) for name in _RUNS}
    return {name: _figures(run, runs["straight"]) for name, run in runs.items()}


def _figures(run: Figures, straight: Figures) -> Figures:
    differences = run["parameters"] - straight["parameters"]
    first_step = np.square(differences[1])
    return {
        # rounded to what a plot can show; 0 stays 0, and nothing else becomes 0
        "distances": [float(f"{value:.4g}") for value in np.linalg.norm(differences, axis=1).tolist()],
        "accuracies": run["accuracies"],
        "other_predictions": int((run["predictions"] != straight["predictions"]).sum()),
        "tested": len(run["predictions"]),
        "share_without_gradient": float(first_step[run["without_gradient"]].sum() / (first_step.sum() or 1.0)),
    }


def _train(name: str, make_optimizer: Callable[[Any], torch.optim.Optimizer]) -> Figures:
    from sklearn.datasets import load_digits
    from torch.nn.utils import parameters_to_vector

    digits = load_digits()
    images = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(digits.target)
    samerun.seed_everything(42)
    model = _model()
    if name == "ulp":
        weights = model.get_parameter("0.weight").data.view(-1)
        weights[0] = torch.nextafter(weights[0], torch.tensor(torch.inf))
    samerun.seed_everything(43 if name == "order" else 42)
    optimizer = make_optimizer(model.parameters())
    parameters = [parameters_to_vector(model.parameters()).detach().double().numpy()]
    accuracies = []
    predictions = torch.empty(0)
    for _ in range(_EPOCHS):
        for batch in torch.randperm(_TRAINED_ON).split(_BATCH):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            parameters.append(parameters_to_vector(model.parameters()).detach().double().numpy())
        predictions = _predict(model, images[_TRAINED_ON:])
        accuracies.append((predictions == labels[_TRAINED_ON:]).double().mean().item())
    return {
        "parameters": np.stack(parameters),
        "accuracies": accuracies,
        "predictions": predictions.numpy(),
        "without_gradient": _before_batch_norm(model),
    }


def _model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16 * 4 * 4, 32),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(32, 10),
    )


def _before_batch_norm(model: nn.Module) -> np.ndarray[Any, Any]:
    """Mark the biases that batch norm takes out again: their gradients are 0 but for rounding."""
    marks = [np.full(p.numel(), name in ("0.bias", "3.bias")) for name, p in model.named_parameters()]
    return np.concatenate(marks)


@torch.no_grad()
def _predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    model.eval()
    predictions: torch.Tensor = model(images).argmax(1)
    model.train()
    return predictions


def _judge(figures: Figures) -> Outcome:
    sgd, adam = figures["SGD"], figures["Adam"]
    distances = {name: (found["ulp"]["distances"], found["order"]["distances"]) for name, found in figures.items()}
    growth = {name: _times(ulp[-1], ulp[0]) for name, (ulp, _) in distances.items()}
    first_step = {name: _times(ulp[1], ulp[0]) for name, (ulp, _) in distances.items()}
    near = {name: _times(ulp[-1], order[-1]) for name, (ulp, order) in distances.items()}
    conclusion = (
        Claim(
            Text(
                "Trained again from the same bits the model is the same, at every step.",
                "同じビットから学習し直せば、どのステップでも同じモデルになる。",
            ),
            all(not any(found["again"]["distances"]) for found in figures.values()),
        ),
        Claim(
            Text(
                f"A difference of {sgd['ulp']['distances'][0]:.0e} in one weight grows {growth['SGD']:.0e}-fold with"
                " SGD"
                f" and {growth['Adam']:.0e}-fold with Adam in {_EPOCHS} epochs, to {near['SGD']:.0%} and"
                f" {near['Adam']:.0%} of the distance that another order of samples makes.",
                f"重み 1 個の {sgd['ulp']['distances'][0]:.0e} の差は、"
                f"{_EPOCHS} エポックで SGD では {growth['SGD']:.0e} 倍、"
                f"Adam では {growth['Adam']:.0e} 倍に育ち、データの順序を変えたときの距離の {near['SGD']:.0%} と"
                f" {near['Adam']:.0%} に達する。",
            ),
            min(growth.values()) > 1e5 and min(near.values()) > 0.05,
        ),
        Claim(
            Text(
                f"Of {sgd['ulp']['tested']} test images {sgd['ulp']['other_predictions']} (SGD) and"
                f" {adam['ulp']['other_predictions']} (Adam) are then classified otherwise.",
                f"その結果、{sgd['ulp']['tested']} 枚のテスト画像のうち {sgd['ulp']['other_predictions']} 枚(SGD)と"
                f" {adam['ulp']['other_predictions']} 枚(Adam)の判定が変わる。",
            ),
            sgd["ulp"]["other_predictions"] > 0 and adam["ulp"]["other_predictions"] > 0,
        ),
        Claim(
            Text(
                f"Adam needs one step to make it {first_step['Adam']:.0e} times as large (SGD:"
                f" {first_step['SGD']:.0f}):"
                f" {adam['ulp']['share_without_gradient']:.0%} of it is then in biases before batch norm, whose"
                " gradients"
                " are rounding errors that Adam divides by their own size.",
                f"Adam は 1 ステップでそれを {first_step['Adam']:.0e} 倍にする(SGD は {first_step['SGD']:.0f} 倍)。"
                f"その {adam['ulp']['share_without_gradient']:.0%} はバッチ正規化の直前のバイアスにある。"
                "そこの勾配は丸め誤差だけで、"
                "Adam はそれを自身の大きさで割ってしまう。",
            ),
            first_step["Adam"] > 100 * first_step["SGD"] and adam["ulp"]["share_without_gradient"] > 0.5,
        ),
    )
    return Outcome(figures, conclusion, (_table(figures),), (_distances(figures), _accuracies(figures)))


def _times(distance: float, reference: float) -> float:
    return distance / reference if reference else 0.0


def _table(figures: Figures) -> Table:
    return Table(
        Text(f"After {_EPOCHS} epochs, compared with the first run", f"{_EPOCHS} エポック後、最初の学習との比較"),
        (
            Text("optimizer", "オプティマイザ"),
            Text("run", "学習"),
            Text("distance at the start", "開始時の距離"),
            Text("after 1 step", "1 ステップ後"),
            Text("at the end", "終了時"),
            Text("test accuracy", "テスト精度"),
            Text("other predictions", "判定の変化"),
        ),
        tuple(
            (
                optimizer,
                _RUNS[run],
                *(
                    f"{distance:.1e}" if distance else "0"
                    for distance in (found["distances"][step] for step in (0, 1, -1))
                ),
                f"{found['accuracies'][-1]:.1%}",
                found["other_predictions"],
            )
            for optimizer, runs in figures.items()
            for run, found in runs.items()
        ),
    )


def _distances(figures: Figures) -> Plot:
    horizontal, vertical = Text("epoch", "エポック"), Text("distance of the parameters", "パラメータの距離")
    names = {run: text for run, text in _RUNS.items() if run in ("ulp", "order")}

    def draw(figure: Figure) -> None:
        for axes, (optimizer, runs) in zip(figure.subplots(1, len(figures), sharey=True), figures.items(), strict=True):
            for run, name in names.items():
                distances = runs[run]["distances"]
                axes.plot(np.arange(len(distances)) / _STEPS, distances, label=name.en, linewidth=1.2)
            axes.set_yscale("log")
            axes.set(title=optimizer, xlabel=horizontal.en)
            axes.grid(alpha=0.2)
        figure.axes[0].set_ylabel(vertical.en)
        figure.axes[0].legend(loc="lower right", fontsize=8)

    return Plot(
        Text("Distance from the first run, step by step", "最初の学習からの距離(ステップごと)"),
        draw,
        (*names.values(), horizontal, vertical),
        (7.5, 3.4),
    )


def _accuracies(figures: Figures) -> Plot:
    horizontal, vertical = Text("epoch", "エポック"), Text("test accuracy", "テスト精度")
    names = {run: text for run, text in _RUNS.items() if run != "again"}

    def draw(figure: Figure) -> None:
        for axes, (optimizer, runs) in zip(figure.subplots(1, len(figures), sharey=True), figures.items(), strict=True):
            for run, name in names.items():
                axes.plot(range(1, _EPOCHS + 1), runs[run]["accuracies"], label=name.en, marker=".", linewidth=1.2)
            axes.set(title=optimizer, xlabel=horizontal.en, ylim=(0.5, 1.0), xticks=range(0, _EPOCHS + 1, 5))
            axes.grid(alpha=0.2)
        figure.axes[0].set_ylabel(vertical.en)
        figure.axes[0].legend(loc="lower right", fontsize=8)

    return Plot(
        Text("Accuracy on digits the model has not seen", "学習に使っていない数字での精度"),
        draw,
        (*names.values(), horizontal, vertical),
        (7.5, 3.0),
    )


EXPERIMENT = Experiment(
    number=12,
    name="one-ulp",
    title=Text("One ulp becomes another model", "1 ulp の差が別のモデルになるまで"),
    question=Text(
        "Two runs differ in the last bit of one weight. Does it matter?",
        "2 つの学習の違いは、重み 1 個の最後の 1 ビットだけである。これは問題になるか。",
    ),
    hypothesis=Text(
        "Yes: training is sensitive to its start. The difference grows until the models are as different as two"
        " that have seen their samples in different orders.",
        "問題になる。学習は初期値に敏感である。差は育ち続け、"
        "データの順序を変えて学習した 2 つのモデルと同じくらい違ったものになる。",
    ),
    measure=_measure,
    judge=_judge,
)
