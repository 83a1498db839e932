"""Experiment 7: notebook cells that draw between two training cells, and what the guard does."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import side_by_side
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SETUP = """
import random
import numpy as np
import torch
import samerun

samerun.seed_everything(42)
images, labels = torch.randn(256, 16), torch.randint(0, 4, (256,))
model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
losses, looks = [], []
"""

_EPOCH = """
for batch in torch.randperm(256).split(32):
    loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
"""

# What everybody does between two epochs: look at some samples, with a little noise, from whatever library is at hand.
_LOOK = "looks.append([random.randrange(256), int(np.random.randint(256)), int(torch.randint(256, ()))])"

_EPOCHS, _STEPS = 3, 8

_WAYS = {
    "nothing": Text("no look", "見ない"),
    "look": Text("two cells that look", "見るセルを 2 回実行"),
    "isolate": Text("`%%isolate` above them", "その先頭に `%%isolate`"),
    "stream": Text("`%%stream look` above them", "その先頭に `%%stream look`"),
    "guard": Text("`%rng guard train`", "`%rng guard train`"),
    "error": Text("`%rng guard train --error`", "`%rng guard train --error`"),
}


def _measure() -> Figures:
    with TemporaryDirectory() as folder:  # IPython would make a profile in the user's home
        found = side_by_side(_notebook, [(way,) for way in _WAYS], IPYTHONDIR=folder)
    return dict(zip(_WAYS, found, strict=True))


def _cells(way: str) -> list[str]:
    """Return the cells of the notebook: a setup, three epochs, and two looks after the first."""
    guard = {"guard": ["%rng guard train"], "error": ["%rng guard train --error"]}.get(way, [])
    epoch = f"# samerun: train\n{_EPOCH}" if guard else _EPOCH
    look = {"isolate": "%%isolate\n", "stream": "%%stream look\n"}.get(way, "") + _LOOK
    looks = [] if way == "nothing" else [look, look]
    return ["%load_ext samerun", _SETUP, *guard, epoch, *looks, *([epoch] * (_EPOCHS - 1))]


def _notebook(way: str) -> Figures:
    """Run the cells in an IPython shell of this process, as a kernel does."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    from samerun.state import fingerprint

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    notices, failed = [], []
    for cell in _cells(way):
        with capture_output() as captured:
            result = shell.run_cell(cell)  # type: ignore[no-untyped-call]  # IPython's own
        if not result.success:
            failed.append(f"{type(result.error_in_exec).__name__}: {result.error_in_exec}")
        if _LOOK in cell:
            notices += captured.stderr.splitlines()
    found = shell.user_ns
    return {
        "model": fingerprint([parameter.detach() for parameter in found["model"].parameters()]),
        "losses": found["losses"],
        "looks": found["looks"],
        "notices": notices,
        "failed": failed,
    }


def _judge(figures: Figures) -> Outcome:
    same = {way: found["model"] == figures["nothing"]["model"] for way, found in figures.items()}
    looks = {way: found["looks"] for way, found in figures.items()}
    guard, error = figures["guard"], figures["error"]
    conclusion = (
        Claim(
            Text(
                "Two cells that look at random samples make the training another one.",
                "ランダムなサンプルを見るだけのセルを 2 回実行すると、別の学習になる。",
            ),
            not same["look"] and len(looks["look"]) == 2,
        ),
        Claim(
            Text(
                "Under `%%isolate` or in a stream of their own they leave no trace; under `%%isolate` both show the"
                " same"
                " samples, in a stream each shows new ones.",
                "`%%isolate` を付けるか専用のストリームに入れれば、何の痕跡も残さない。"
                "`%%isolate` では 2 回とも同じサンプルが、ストリームではそのつど新しいサンプルが見える。",
            ),
            same["isolate"]
            and same["stream"]
            and looks["isolate"][0] == looks["isolate"][1]
            and looks["stream"][0] != looks["stream"][1],
        ),
        Claim(
            Text(
                "With `%rng guard train` nobody has to think of it: cells that are not marked as training draw from a"
                " sequence of their own, with a notice, and the model is the same.",
                "`%rng guard train` を使えば、気を付ける必要すらない。学習と印を付けていないセルは通知とともに"
                "別の乱数列から引き、モデルは変わらない。",
            ),
            same["guard"] and len(looks["guard"]) == 2 and bool(guard["notices"]) and not guard["failed"],
        ),
        Claim(
            Text(
                f"With `--error` such a cell fails ({len(error['failed'])} of 2 did), and the model is the same.",
                f"`--error` を付けると、そのようなセルはエラーになる(2 回中 {len(error['failed'])} 回)。"
                "モデルは変わらない。",
            ),
            same["error"] and len(error["failed"]) == 2,
        ),
    )
    return Outcome(figures, conclusion, (_table(figures, same),), (_plot(figures),))


def _table(figures: Figures, same: dict[str, bool]) -> Table:
    return Table(
        Text(
            "Three epochs; the cells in question run after the first", "3 エポック。問題のセルは 1 エポック目の後に実行"
        ),
        (
            Text("between two training cells", "2 つの学習セルの間"),
            Text("model", "モデル"),
            Text("samples that were seen", "見えたサンプル"),
            Text("notices", "通知"),
            Text("errors", "エラー"),
        ),
        tuple(
            (
                _WAYS[way],
                Mark.same(same[way]),
                "; ".join(", ".join(map(str, look)) for look in found["looks"]),
                len(found["notices"]),
                len(found["failed"]),
            )
            for way, found in figures.items()
        ),
    )


def _plot(figures: Figures) -> Plot:
    horizontal, vertical = Text("epoch", "エポック"), Text("training loss", "学習損失")
    names = {
        "nothing": Text("no look", "見ない"),
        "look": Text("with a look", "見る"),
        "guard": Text("with a look, guarded", "見る、ガードあり"),
    }
    styles = {"nothing": ("black", 6.0, 0.15), "look": ("tab:orange", 1.2, 1.0), "guard": ("tab:green", 1.2, 1.0)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for way, (color, width, alpha) in styles.items():
            losses = figures[way]["losses"]
            steps = [(step + 1) / _STEPS for step in range(len(losses))]
            axes.plot(steps, losses, color=color, linewidth=width, alpha=alpha, label=names[way].en)
        axes.axvline(1, color="gray", linestyle=":", linewidth=1)
        axes.set(xlabel=horizontal.en, ylabel=vertical.en)
        axes.legend(fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)

    return Plot(
        Text("The looks come at the dotted line", "点線のところでサンプルを見る"),
        draw,
        (*names.values(), horizontal, vertical),
    )


EXPERIMENT = Experiment(
    number=7,
    name="notebook-cells",
    title=Text("Notebook cells that draw", "乱数を引くノートブックのセル"),
    question=Text(
        "I looked at some random samples between two training cells. Is it still the same training?",
        "学習するセルの合間に、ランダムなサンプルをいくつか眺めた。それでも同じ学習だろうか。",
    ),
    hypothesis=Text(
        "No: cells share the generators of the kernel, so what one draws is missing in the next. A guard can keep the"
        " training's numbers for the training.",
        "同じではない。セルはカーネルの生成器を共有しているので、あるセルが引いた分だけ次のセルの乱数がずれる。"
        "ガードを使えば、学習の乱数を学習だけのものにできる。",
    ),
    measure=_measure,
    judge=_judge,
)
