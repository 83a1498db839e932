"""Experiment 3: one seed in all workers, and transforms that repeat themselves whatever the seeds are."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import samerun
from samerun.lab.experiment import Claim, Experiment, Figures, Outcome, Plot, Table
from samerun.lab.process import side_by_side
from samerun.lab.text import Text
from samerun.state import fingerprint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT"]

_SEED = 42
_SIDE = 64
_Image: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

_OWN = Text("own cutout", "自作のカットアウト")
_ALBUMENTATIONS = Text("albumentations", "albumentations")
_TORCH = Text("torch's worker seeds", "torch のワーカーシード")
_ONE = Text("one seed in all workers", "全ワーカーに同じシード")
_KEYED = Text("samerun's loader", "samerun の DataLoader")

# What augments, and what seeds.
_CONDITIONS = {
    "own": (_OWN, _TORCH),
    "own, one seed": (_OWN, _ONE),
    "albumentations": (_ALBUMENTATIONS, _TORCH),
    "albumentations, one seed": (_ALBUMENTATIONS, _ONE),
    "albumentations, samerun": (_ALBUMENTATIONS, _KEYED),
}
_PLACES = [
    Text(f"epoch {epoch}, worker {worker}", f"エポック {epoch}、ワーカー {worker}")
    for epoch in (0, 1)
    for worker in (0, 1)
]


def _photo() -> _Image:
    """Return the middle of the flower that scikit-learn ships, ``uint8[64, 64, 3]`` (photo: vultilion, CC BY 2.0)."""
    from sklearn.datasets import load_sample_image

    photo: _Image = load_sample_image("flower.jpg")[60:380:5, 230:550:5]
    return photo


class _Augmented(Dataset[torch.Tensor]):
    """Two items, both the photo, augmented."""

    def __init__(self, augment: Callable[[_Image], _Image]) -> None:
        self._photo = _photo()
        self._augment = augment

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self._augment(self._photo))


def _own_cutout(image: _Image) -> _Image:
    """Cover three squares; draws from NumPy's global generator, as many transforms do."""
    image = image.copy()
    for row, column in np.random.randint(0, _SIDE - 16, (3, 2)):
        image[row : row + 16, column : column + 16] = 0
    return image


class _Albumentations:
    """Cover three rectangles with albumentations, which draws from generators of its own."""

    def __init__(self) -> None:
        import albumentations

        self._compose = albumentations.Compose(
            [albumentations.CoarseDropout((3, 3), hole_height_range=(14, 18), hole_width_range=(14, 18), p=1.0)]
        )

    def __call__(self, image: _Image) -> _Image:
        covered: _Image = self._compose(image=image)["image"]
        return covered


def _one_seed(_: int) -> None:
    random.seed(_SEED)
    np.random.seed(_SEED)
    torch.manual_seed(_SEED)


def observe(kind: str) -> dict[str, list[dict[str, str]]]:
    """Return the images of two epochs with two workers, ``"own"`` or by ``"albumentations"``, for all that seeds."""
    augment = _own_cutout if kind == "own" else _Albumentations()
    found = {kind: _images(DataLoader, augment), f"{kind}, one seed": _images(DataLoader, augment, _one_seed)}
    if kind == "albumentations":
        found["albumentations, samerun"] = _images(samerun.DataLoader, augment)
    return found


def _images(
    loader: Any, augment: Callable[[_Image], _Image], init: Callable[[int], None] | None = None
) -> list[dict[str, str]]:
    samerun.seed_everything(_SEED)
    batches = loader(_Augmented(augment), batch_size=None, num_workers=2, worker_init_fn=init)
    images = [image.numpy() for _ in range(2) for image in batches]
    photo = _photo()
    return [
        {"fingerprint": fingerprint(image), "covered": np.packbits((image != photo).any(2)).tobytes().hex()}
        for image in images
    ]


def _measure() -> Figures:
    own, found, again = side_by_side(observe, [("own",), ("albumentations",), ("albumentations",)])
    return {"images": own | found, "again": again}


def _distinct(images: list[dict[str, str]]) -> int:
    return len({image["fingerprint"] for image in images})


def _judge(figures: Figures) -> Outcome:
    images, again = figures["images"], figures["again"]
    distinct = {name: _distinct(found) for name, found in images.items()}
    conclusion = (
        Claim(
            Text(
                "With an augmentation that draws from a global generator, the effect is real: torch's worker seeds give"
                f" {distinct['own']} different images of 4, one seed in all workers {distinct['own, one seed']}.",
                "グローバルな生成器を使う拡張では、効果は本物である。"
                f"torch のワーカーシードなら 4 枚中 {distinct['own']} 種類、"
                f"全ワーカーに同じシードなら {distinct['own, one seed']} 種類の画像になる。",
            ),
            distinct["own"] == 4 and distinct["own, one seed"] == 1,
        ),
        Claim(
            Text(
                "albumentations 2.0.8 repeats itself in every worker and every epoch even with torch's different worker"
                f" seeds: {distinct['albumentations']} image of 4. So a demonstration of the first effect with it shows"
                f" nothing: one seed gives {distinct['albumentations, one seed']} as well.",
                "albumentations 2.0.8 は、torch のワーカーシードが異なっていても、"
                "すべてのワーカーとエポックで同じ拡張を繰り返す"
                f"(4 枚中 {distinct['albumentations']} 種類)。"
                "だから、これを使って第一の効果を示そうとしても、何も示したことにならない。"
                f"同じシードでも {distinct['albumentations, one seed']} 種類だからである。",
            ),
            distinct["albumentations"] == distinct["albumentations, one seed"] == 1,
        ),
        Claim(
            Text(
                "Nor does a global seed reach its generators: a second run with the same seed has other images.",
                "グローバルなシードは、その生成器に届かない。同じシードの 2 回目の実行では、別の画像になる。",
            ),
            images["albumentations"][0] != again["albumentations"][0],
        ),
        Claim(
            Text(
                "samerun's loader keys generators inside transforms too:"
                f" {distinct['albumentations, samerun']} different images of 4, the same ones in the second run.",
                "samerun の DataLoader は、変換の内部の生成器にもキーを与える。"
                f"4 枚中 {distinct['albumentations, samerun']} 種類になり、2 回目の実行でも同じ画像になる。",
            ),
            distinct["albumentations, samerun"] == 4
            and images["albumentations, samerun"] == again["albumentations, samerun"],
        ),
    )
    return Outcome(figures, conclusion, (_table(figures),), (_plot(figures),))


def _table(figures: Figures) -> Table:
    rows = []
    for name, condition in _CONDITIONS.items():
        images = figures["images"][name]
        rows.append((*condition, _distinct(images), *(image["fingerprint"][:8] for image in images)))
    columns = Text("augmentation", "拡張"), Text("seeds", "シード"), Text("different", "種類"), *_PLACES
    return Table(Text("Fingerprints of the images", "画像のフィンガープリント"), columns, tuple(rows))


def _plot(figures: Figures) -> Plot:
    def draw(figure: Figure) -> None:
        photo = _photo()
        grid = figure.subplots(len(_CONDITIONS), len(_PLACES))
        for row, (name, condition) in zip(grid, _CONDITIONS.items(), strict=True):
            for axes, image in zip(row, figures["images"][name], strict=True):
                axes.imshow(_covered(photo, image["covered"]), interpolation="nearest")
                axes.set_axis_off()
            for text, height in zip(condition, (0.62, 0.38), strict=True):
                row[0].text(-0.1, height, text.en, transform=row[0].transAxes, ha="right", va="center")
        for axes, place in zip(grid[0], _PLACES, strict=True):
            axes.set_title(place.en, fontsize=8)

    title = Text(
        "The same photo as each worker augmented it (photo: vultilion, CC BY 2.0; from scikit-learn)",
        "各ワーカーが拡張した同じ写真(写真: vultilion、CC BY 2.0。scikit-learn より)",
    )
    return Plot(title, draw, (*_PLACES, _OWN, _TORCH, _ONE, _KEYED), size=(7.5, 6.4))


def _covered(photo: _Image, covered: str) -> _Image:
    mask = np.unpackbits(np.frombuffer(bytes.fromhex(covered), np.uint8)).reshape(_SIDE, _SIDE)
    return photo * (1 - mask[:, :, np.newaxis])


EXPERIMENT = Experiment(
    number=3,
    name="same-worker-seed",
    title=Text(
        "One seed in all workers, and transforms that ignore seeds",
        "全ワーカーに同じシード、そしてシードを無視する変換",
    ),
    question=Text(
        "Do workers with one and the same seed augment alike? Is what is usually shown for it, identical cutouts by"
        " albumentations, caused by the seeds?",
        "同じシードのワーカーは、同じ拡張をするか。"
        "よく例に挙げられる、albumentations の同一のカットアウトは、シードが原因か。",
    ),
    hypothesis=Text(
        "One seed makes workers alike, if the augmentation draws from a generator that is seeded. albumentations 2.x"
        " draws from private generators that every worker gets a copy of, so seeds have nothing to do with it.",
        "拡張がシードの設定される生成器から引くなら、同じシードのワーカーは同じ拡張をする。"
        "albumentations 2.x は、各ワーカーに複製される内部の生成器から引くので、シードは関係がない。",
    ),
    measure=_measure,
    judge=_judge,
)
