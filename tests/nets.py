"""Small models of several kinds, trained for a few steps; for tests that nothing they compute is changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

STEPS = 3


class Language(nn.Module):
    """A transformer over tokens, with tied weights and one block that is checkpointed."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(16, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.blocks[0](self.embed(tokens))
        hidden = checkpoint(self.blocks[1], hidden, use_reentrant=False)
        return self.head(hidden)


def language() -> tuple[nn.Module, Callable[[], torch.Tensor]]:
    model = Language()
    return model, lambda: model(torch.randint(20, (4, 7))).square().mean()


def images() -> tuple[nn.Module, Callable[[], torch.Tensor]]:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.LazyLinear(5),
    )
    model(torch.randn(2, 3, 10, 10))
    return model, lambda: nn.functional.cross_entropy(model(torch.randn(6, 3, 10, 10)), torch.randint(5, (6,)))


def recurrent() -> tuple[nn.Module, Callable[[], torch.Tensor]]:
    model = nn.LSTM(6, 8, 2, dropout=0.3, batch_first=True)
    return model, lambda: model(torch.randn(3, 5, 6))[0].pow(2).sum()


KINDS = (language, images, recurrent)
OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "fused AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, fused=True),
    "foreach RMSprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.01, foreach=True),
}


def train(kind: Callable[[], Any], optimizer: str, around: Callable[[], AbstractContextManager[object]]) -> list[bytes]:
    """Train from a fixed seed, the steps inside ``around()``, and return the bits of all that came of it."""
    torch.manual_seed(7)
    model, loss_of = kind()
    steps = OPTIMIZERS[optimizer](model.parameters())
    losses = []
    with around():
        for _ in range(STEPS):
            steps.zero_grad()
            loss = loss_of()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            steps.step()
            losses.append(loss.detach())
    tensors = [*losses, *model.state_dict().values(), *(one.grad for one in model.parameters()), torch.get_rng_state()]
    return [tensor.numpy().tobytes() for tensor in tensors]
