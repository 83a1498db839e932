"""Experiment 9: the number of threads and the instruction set change bits, and no flag of torch's prevents it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

import samerun
from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.process import fresh, side_by_side
from samerun.lab.text import Text
from samerun.state import fingerprint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_THREADS = (2, 4)
_STEPS = 60

# What limits the instructions below what torch chose by itself; to ask for more than the CPU has would crash.
_ALWAYS = (("ATEN_CPU_CAPABILITY", "default"), ("DNNL_MAX_CPU_ISA", "SSE41"))
_LIMITS = {"AVX512": (("ATEN_CPU_CAPABILITY", "avx2"), *_ALWAYS), "AVX2": _ALWAYS}

_OPERATIONS = {
    "rand": Text("`torch.rand`", "`torch.rand`"),
    "randn": Text("`torch.randn`", "`torch.randn`"),
    "add": Text("`x + y`", "`x + y`"),
    "sum": Text("sum of 1,000,000 numbers", "1,000,000 個の数の和"),
    "softmax": Text("softmax", "softmax"),
    "matmul": Text("product of matrices", "行列の積"),
    "layer_norm": Text("gradient of LayerNorm", "LayerNorm の勾配"),
    "conv": Text("gradient of Conv2d", "Conv2d の勾配"),
    "training": Text(f"CNN after {_STEPS} steps", f"{_STEPS} ステップ学習した CNN"),
}


def _measure() -> Figures:
    names = ("1 thread", "again", *(f"{threads} threads" for threads in _THREADS))
    settings = dict(zip(names, side_by_side(_process, [(threads,) for threads in (1, 1, *_THREADS)]), strict=True))
    capability = settings["1 thread"]["capability"]
    for variable, value in _LIMITS.get(capability, ()):
        settings[f"{variable}={value}"] = fresh(_process, 1, **{variable: value})
    return {"capability": capability, "settings": settings}


def _process(threads: int) -> Figures:
    """Compute everything under torch's deterministic algorithms with that many threads."""
    samerun.deterministic(threads=threads)
    samerun.seed_everything(42)
    results: dict[str, Callable[[], object]] = {
        "rand": lambda: torch.rand(1000),
        "randn": lambda: torch.randn(1000),
        "add": lambda: _numbers(1000) + _numbers(1000),
        "sum": lambda: _numbers(1_000_000).sum(),
        "softmax": lambda: torch.softmax(_numbers(1000, 100), 1),
        "matmul": lambda: _numbers(512, 512) @ _numbers(512, 512),
        "layer_norm": lambda: _gradient(nn.LayerNorm(256), _numbers(64, 32, 256)),
        "conv": lambda: _gradient(nn.Conv2d(8, 16, 3), _numbers(64, 8, 28, 28)),
    }
    found = {name: fingerprint(compute()) for name, compute in results.items()}
    model, losses = _train()
    found["training"] = fingerprint([parameter.detach() for parameter in model.parameters()])
    return {"capability": torch.backends.cpu.get_cpu_capability(), "fingerprints": found, "losses": losses}


def _numbers(*shape: int) -> torch.Tensor:
    """Return numbers in ``[-0.5, 0.5)`` that are multiples of ``2**-24``, so that no instruction set rounds them."""
    return torch.rand(shape) - 0.5


def _gradient(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    weight = layer.get_parameter("weight")
    weight.data.copy_(_numbers(*weight.shape))
    layer.get_parameter("bias").data.zero_()
    layer(x).square().mean().backward()
    assert weight.grad is not None
    return weight.grad


def _train() -> tuple[nn.Module, list[float]]:
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.LayerNorm(26), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 26 * 26, 10))
    for parameter in model.parameters():
        parameter.data.copy_(_numbers(*parameter.shape) / 8)
    images, labels = _numbers(256, 1, 28, 28), torch.randint(0, 10, (256,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for step in range(_STEPS):
        batch = slice(64 * (step % 4), 64 * (step % 4 + 1))
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def _judge(figures: Figures) -> Outcome:
    settings = figures["settings"]
    changed = {name: _changed(settings, name) for name in settings if name != "1 thread"}
    threads = {name: found for name, found in changed.items() if name.endswith("threads")}
    limits = {name: found for name, found in changed.items() if "=" in name}
    by_threads, by_limits = (set().union(*found.values()) for found in (threads, limits))
    total = len(_OPERATIONS)
    conclusion = [
        Claim(
            Text(
                f"The same settings in another process change none of {total} results, so the others mean something.",
                f"同じ設定なら、別のプロセスでも {total} 個の結果は 1 つも変わらない。だから以下の違いには意味がある。",
            ),
            not changed["again"],
        ),
        Claim(
            Text(
                f"Another number of threads changes {len(by_threads)} of {total}, a trained model among them,"
                " although torch's deterministic algorithms are on.",
                "torch の決定的アルゴリズムを有効にしていても、"
                f"スレッド数を変えると {total} 個のうち {len(by_threads)} 個が変わる。"
                "学習したモデルも変わる。",
            ),
            "training" in by_threads,
        ),
        Claim(
            Text(
                "Random bits and sums of two numbers are never changed: it is the order in which many numbers are"
                " added,"
                " and the approximation of functions such as exp and log.",
                "乱数のビットと 2 つの数の和は決して変わらない。変わるのは、多くの数を足す順序と、"
                "exp や log などの関数の近似である。",
            ),
            not {"rand", "add"} & (by_threads | by_limits),
        ),
    ]
    if limits:
        conclusion.append(
            Claim(
                Text(
                    f"Fewer instructions than {figures['capability']} change {len(by_limits)} of {total}, the trained"
                    " model and `torch.randn` among them: the same seed, other normal numbers.",
                    f"{figures['capability']} より少ない命令しか使わせないと、"
                    f"{total} 個のうち {len(by_limits)} 個が変わる。"
                    "学習したモデルも `torch.randn` も変わり、同じシードでも違う正規乱数になる。",
                ),
                {"randn", "training"} <= by_limits,
            )
        )
    return Outcome(figures, tuple(conclusion), (_table(changed, figures["capability"]),), (_plot(settings),))


def _changed(settings: Figures, name: str) -> set[str]:
    first, second = settings["1 thread"]["fingerprints"], settings[name]["fingerprints"]
    return {operation for operation in first if first[operation] != second[operation]}


def _name(setting: str) -> Text:
    if setting == "again":
        return Text("1 thread, again", "1 スレッド、再度")
    if setting.endswith("threads"):
        return Text(setting, f"{setting.removesuffix(' threads')} スレッド")
    variable, _, value = setting.partition("=")
    short = f"{variable.partition('_')[0]}: {value}"
    return Text(short, short)


def _table(changed: dict[str, set[str]], capability: str) -> Table:
    return Table(
        Text(
            f"Bits compared with 1 thread and {capability}; ATEN is `ATEN_CPU_CAPABILITY`, DNNL `DNNL_MAX_CPU_ISA`",
            f"1 スレッド、{capability} の場合とのビットの比較(ATEN は `ATEN_CPU_CAPABILITY`、"
            "DNNL は `DNNL_MAX_CPU_ISA`)",
        ),
        (Text("result", "結果"), *(_name(setting) for setting in changed)),
        tuple(
            (text, *(Mark.same(operation not in found) for found in changed.values()))
            for operation, text in _OPERATIONS.items()
        ),
    )


def _plot(settings: Figures) -> Plot:
    reference = settings["1 thread"]["losses"]
    horizontal, vertical = Text("step", "ステップ"), Text("difference of the loss", "損失の差")
    names = {setting: _name(setting) for setting in settings if setting != "1 thread"}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for setting, name in names.items():
            differences = [
                abs(ours - theirs) for ours, theirs in zip(settings[setting]["losses"], reference, strict=True)
            ]
            axes.plot(differences, label=name.en, marker=".", linewidth=1)
        axes.set_yscale("symlog", linthresh=1e-8)
        axes.set_ylim(bottom=-1e-9)
        axes.set(xlabel=horizontal.en, ylabel=vertical.en)
        axes.legend(fontsize=8)

    words = (*(name for name in names.values() if name.en != name.ja), horizontal, vertical)
    return Plot(
        Text("A small training, compared with 1 thread", "小さな学習。1 スレッドの場合との比較"),
        draw,
        words,
        (7.5, 3.2),
    )


EXPERIMENT = Experiment(
    number=9,
    name="arithmetic",
    title=Text("Threads and instruction sets", "スレッド数と命令セット"),
    question=Text(
        "The seed, the code and the versions are the same. Can the bits still differ?",
        "シードもコードもバージョンも同じである。それでもビットは変わりうるか。",
    ),
    hypothesis=Text(
        "Yes: floating-point addition is not associative, so whatever changes the order of additions changes bits: the"
        " number of threads, and the width of the CPU's vectors. Deterministic algorithms repeat one order under one"
        " setting; they do not make different settings alike.",
        "変わりうる。浮動小数点の加算は結合則を満たさないので、足す順序を変えるもの、"
        "つまりスレッド数や CPU のベクトル幅が変われば"
        "ビットも変わる。決定的アルゴリズムは同じ設定のもとで同じ順序を繰り返すだけで、設定の違いを埋めはしない。",
    ),
    measure=_measure,
    judge=_judge,
)
