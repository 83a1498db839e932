"""Small trainings of many kinds, which return everything that must be the same whether they are recorded or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from samerun import capture
from samerun.state import fingerprint

STEPS = 6


def seed() -> None:
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 1))


def data() -> TensorDataset:
    return TensorDataset(torch.randn(24, 5), torch.randn(24, 1))


def loader(**options: Any) -> DataLoader:
    return DataLoader(data(), **{"batch_size": 8, "shuffle": True, **options})


def bits(*things: nn.Module | torch.optim.Optimizer) -> str:
    """Return what stands for states and for where all generators are."""
    states = [thing.state_dict() for thing in things]
    return fingerprint([states, capture().fingerprint()])


def loss_of(model: nn.Module, batch: Any) -> torch.Tensor:
    x, y = batch
    return (model(x) - y).square().mean()


def plain(make: Callable[..., torch.optim.Optimizer] = torch.optim.Adam, epochs: int = 2, **options: Any) -> str:
    seed()
    model = network()
    optimizer = make(model.parameters(), lr=0.01)
    batches = loader(**options)
    for _ in range(epochs):
        for batch in batches:
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()
    return bits(model, optimizer)


def fused() -> str:
    return plain(lambda parameters, lr: torch.optim.AdamW(parameters, lr=lr, fused=True))


def foreach() -> str:
    return plain(lambda parameters, lr: torch.optim.Adam(parameters, lr=lr, foreach=True))


def workers() -> str:
    return plain(num_workers=2, multiprocessing_context="fork", persistent_workers=True)


def accumulating() -> str:
    seed()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for number, batch in enumerate(loader(batch_size=2)):
        (loss_of(model, batch) / 2).backward()
        if number % 2:
            optimizer.step()
            optimizer.zero_grad()
    return bits(model, optimizer)


def closures() -> str:
    seed()
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3, line_search_fn="strong_wolfe")
    for batch in [*loader()] * 2:

        def closure(batch: Any = batch) -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_of(model, batch)
            loss.backward()
            return loss

        optimizer.step(closure)
    return bits(model)


def adversarial() -> str:
    """Two optimizers take turns."""
    seed()
    first, second = network(), network()
    optimizers = [torch.optim.Adam(first.parameters(), lr=0.01), torch.optim.SGD(second.parameters(), lr=0.01)]
    for batch in loader():
        for model, optimizer in zip((first, second), optimizers, strict=True):
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()
    return bits(first, second, *optimizers)


def without_loader() -> str:
    seed()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.randn(24, 5), torch.randn(24, 1)
    for _ in range(STEPS):
        index = torch.randint(24, (8,))
        optimizer.zero_grad()
        loss_of(model, (x[index], y[index])).backward()
        optimizer.step()
    return bits(model)


def scaled() -> str:
    seed()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=2)
    for batch in [*loader(batch_size=4)] * 2:
        optimizer.zero_grad()
        scaler.scale(loss_of(model, batch)).backward()
        scaler.step(optimizer)
        scaler.update()
    return bits(model, optimizer)


#: Each, and how many optimizer steps it takes.
TRAININGS: dict[Callable[[], str], int] = {
    plain: STEPS,
    fused: STEPS,
    foreach: STEPS,
    workers: STEPS,
    accumulating: STEPS,
    closures: STEPS,
    adversarial: STEPS,
    without_loader: STEPS,
    scaled: 12,
}
