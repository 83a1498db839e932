"""Train a small transformer on the descriptions of scikit-learn's datasets, with what a larger training has.

Mixed precision with a gradient scaler, gradient accumulation, a moving average of the weights, a warm-up of the
learning rate, and an evaluation in each epoch. Kill it at any moment and start it again: it is the same run.

::

    python examples/language_model.py --dir runs/language-model
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

import samerun
from samerun.state import fingerprint

CONTEXT, WIDTH, ACCUMULATE, WARM_UP = 64, 64, 3, 10


class Windows(Dataset[torch.Tensor]):
    """Pieces of a text, ``CONTEXT + 1`` bytes each, beginning a random few bytes off."""

    def __init__(self, text: bytes, *, jitter: int) -> None:
        self.text = torch.tensor(list(text))
        self.jitter = jitter

    def __len__(self) -> int:
        return (len(self.text) - self.jitter) // (CONTEXT + 1)

    def __getitem__(self, index: int) -> torch.Tensor:
        start = index * (CONTEXT + 1) + int(torch.randint(self.jitter + 1, ()))
        return self.text[start : start + CONTEXT + 1]


class Transformer(nn.Module):
    """Two layers that predict the next byte."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = nn.Embedding(256, WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 256)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.bytes(tokens) + self.places(torch.arange(length))
        return self.head(self.layers(hidden, mask=mask, is_causal=True))


def read_text() -> bytes:
    """Return the descriptions of scikit-learn's datasets, which the package ships; about 50 kB."""
    pages = sorted(files("sklearn.datasets.descr").iterdir(), key=lambda page: page.name)
    return b"\n".join(page.read_bytes() for page in pages if page.name.endswith(".rst"))


def loss_of(model: nn.Module, windows: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of predicting each next byte."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model(windows[:, :-1])
    return nn.functional.cross_entropy(scores.float().flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader[torch.Tensor]) -> float:
    """Return the mean loss over a loader. It is iterated by itself: evaluating is no training, and has no steps."""
    model.eval()
    losses = [loss_of(model, windows) for windows in loader]
    model.train()
    return torch.stack(losses).mean().item()


def train(directory: Path, epochs: int, workers: int) -> None:
    """Train, and print fingerprints of what came out."""
    samerun.deterministic(threads=1)  # the same bits need the same arithmetic

    run = samerun.Run(directory, seed=42, save_every=30, accumulate=ACCUMULATE)
    text = read_text()
    split = len(text) * 9 // 10
    loader = DataLoader(Windows(text[:split], jitter=8), batch_size=16, shuffle=True, num_workers=workers)
    held_out = DataLoader(Windows(text[split:], jitter=0), batch_size=16)
    model = Transformer()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.95))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_UP))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=20)
    things = {"model": model, "average": average, "optimizer": optimizer, "scheduler": scheduler, "scaler": scaler}
    run.track(**things, loader=loader)

    print("from step", run.step, flush=True)
    for epoch in run.epochs(epochs):
        for windows in run.batches(loader):
            loss = loss_of(model, windows)
            scaler.scale(loss / ACCUMULATE).backward()
            if (run.step + 1) % ACCUMULATE == 0:
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                scheduler.step()
                average.update_parameters(model)
            run.log(loss=loss, rate=scheduler.get_last_lr()[0], scale=scaler.get_scale())
        held_out_loss = evaluate(average, held_out)
        run.log(held_out=held_out_loss)
        print(f"epoch {epoch} held out {held_out_loss:.4f}", flush=True)

    for name, thing in things.items():
        print(name, fingerprint(dict(thing.state_dict())))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a language model; kill it, and start it again.")
    parser.add_argument("--dir", type=Path, default=Path("runs/language-model"), help="of the run [%(default)s]")
    parser.add_argument("--epochs", type=int, default=4, help="[%(default)s]")
    parser.add_argument("--workers", type=int, default=0, help="that load data; any number is the same run [0]")
    options = parser.parse_args()
    train(options.dir, options.epochs, options.workers)


if __name__ == "__main__":
    main()
