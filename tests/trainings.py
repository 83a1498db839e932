"""Small trainings in a samerun.Run, of many kinds; each returns what must be the same bit for bit."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader as TorchDataLoader
from torch.utils.data import TensorDataset

import samerun
from draws import draw
from noisy import Noisy
from samerun.rng import RngState
from samerun.rng.discovery import private_sources
from samerun.run.surroundings import here

# What takes seconds at the first use is done once, before processes are forked.
torch.optim.SGD([torch.zeros(1, requires_grad=True)])
here()

SIZE, BATCH, EPOCHS = 11, 4, 3  # three steps an epoch, the last one of three samples


class Training:
    """A model with batch norm and dropout, whatever optimizer and schedule, and a loader whose items draw."""

    def __init__(self, directory: Any, *, optimizer=torch.optim.Adam, lr=0.01, scheduler=None, workers=0, **arguments):
        self.run = samerun.Run(directory, **{"seed": 42, "save_every": 1, **arguments})
        self.model = nn.Sequential(nn.Linear(7, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
        self.optimizer = optimizer(self.model.parameters(), lr=lr)
        make = scheduler or (lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2))
        self.scheduler = make(self.optimizer)
        self.loader = samerun.DataLoader(
            Noisy(SIZE),
            batch_size=BATCH,
            shuffle=True,
            seed=7,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
        )
        self.tracked = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        self.run.track(**self.tracked, loader=self.loader)

    def track(self, **things: Any) -> None:
        self.tracked |= things
        self.run.track(**things)

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        noise = sum(draw()[:5])
        return self.model((batch + noise).float()).square().mean()

    def step(self, batch: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        self.run.log(loss=loss)

    def validate(self) -> None:
        self.model.eval()
        with torch.no_grad():
            self.run.log(validation=self.loss(torch.rand(4, 7)))
        self.model.train()

    def end(self) -> dict[str, Any]:
        """Return everything there is at the end."""
        states = {}
        for name, thing in self.tracked.items():
            has_state = hasattr(thing, "state_dict")
            sources = {} if has_state else private_sources((thing,))
            states[name] = thing.state_dict() if has_state else RngState.read(sources.values()).state_dict()
        stream = self.run._stream
        self.run.close()
        return {
            "tracked": states,
            "gradients": {name: parameter.grad for name, parameter in self.model.named_parameters()},
            "metrics": (self.run.directory / "metrics.jsonl").read_bytes(),
            "place": [self.run.step, self.run.epoch],
            "generators": samerun.capture().state_dict() if stream is None else stream.state_dict(),
        }


def epochs(directory, **arguments):
    """The ordinary loop."""
    training = Training(directory, **arguments)
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(training.loader):
            training.step(batch)
        training.validate()
    return training.end()


def steps(directory, count=10, **arguments):
    """A loop without epochs, over the ends of the loader's."""
    training = Training(directory, **arguments)
    for batch in training.run.batches(training.loader, steps=count):
        training.step(batch)
    return training.end()


def one_pass(directory, **arguments):
    training = Training(directory, **arguments)
    for batch in training.run.batches(training.loader):
        training.step(batch)
    return training.end()


def by_hand(directory, **arguments):
    """Saves only where the script says so."""
    training = Training(directory, save_every=None, **arguments)
    training.run.save()
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(training.loader):
            if training.run.step % 4 == 1:
                training.run.save()
            training.step(batch)
        training.run.save()
        training.validate()
    training.run.save()
    return training.end()


def left_by_break(directory, **arguments):
    training = Training(directory, **arguments)
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(training.loader):
            training.step(batch)
            if training.run.step % 2:  # a counter of the script's own would not be resumed
                break
        training.validate()
    return training.end()


def stopped_early(directory, **arguments):
    """An early stop of the epochs, in the middle of a pass; then a loop of steps that ends early, and a figure."""
    training = Training(directory, **arguments)
    for epoch in training.run.epochs(9):
        for batch in training.run.batches(training.loader):
            training.step(batch)
            if training.run.step == 4:
                training.run.stop()
        training.validate()
        assert epoch < 2
    training.run.save()
    for batch in training.run.batches(training.loader, steps=9):
        training.step(batch)
        if training.run.step == 7:
            training.run.stop()
    assert training.run.step == 8
    training.run.log(steps=training.run.step)
    training.run.save()
    return training.end()


def several_loops(directory, **arguments):
    """Three loops an epoch over two loaders, one of them not tracked, and one loop left by break."""
    training = Training(directory, **arguments)
    other = TorchDataLoader(Noisy(6), batch_size=2, shuffle=True)
    for _ in training.run.epochs(2):
        training.run.log(began=True)
        for batch in training.run.batches(training.loader):
            training.step(batch)
        training.validate()
        for batch in training.run.batches(other):
            training.step(batch)
            if training.run.step % 2:
                break
        for batch in training.run.batches(training.loader, steps=2):
            training.step(batch)
    return training.end()


def sections(directory, **arguments):
    """Epochs, then batches, then epochs, each with a loader; draws in between."""
    training = Training(directory, **arguments)
    other = samerun.DataLoader(Noisy(6), batch_size=2, shuffle=True, seed=7, name="other")
    training.track(other=other)
    for _ in training.run.epochs(2):
        for batch in training.run.batches(training.loader):
            training.step(batch)
    training.run.log(between=1)
    for batch in training.run.batches(other, steps=4):
        training.step(batch)
    for _ in training.run.epochs(1):
        for batch in training.run.batches(other):
            training.step(batch)
        training.validate()
    return training.end()


def validation(directory, **arguments):
    """A tracked loader is iterated inside the body, every second step for two batches."""
    training = Training(directory, **arguments)
    loader = samerun.DataLoader(Noisy(6), batch_size=2, shuffle=True, seed=7, name="validation")
    training.track(validation=loader)
    for _ in training.run.epochs(2):
        for batch in training.run.batches(training.loader):
            training.step(batch)
            if training.run.step % 2 == 0:
                for held_out in islice(loader, 2):
                    with torch.no_grad():
                        training.run.log(validation=training.loss(held_out))
        training.validate()
    return training.end()


def draws_between(directory, draws=True, **arguments):
    """What is drawn outside the loops."""
    training = Training(directory, **arguments)
    if draws:
        draw()
    for _ in training.run.epochs(2):
        for batch in training.run.batches(training.loader):
            training.step(batch)
    if draws:
        draw()
        random.seed(3)
    training.run.save()
    for batch in training.run.batches(training.loader, steps=4):
        training.step(batch)
    return training.end()


def accumulation(directory, accumulate=2, **arguments):
    """An optimizer step every second batch, so that an epoch ends with gradients pending."""
    training = Training(directory, accumulate=accumulate, **arguments)
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(training.loader):
            loss = training.loss(batch)
            (loss / 2).backward()
            training.run.log(loss=loss)
            if training.run.step % 2:
                training.optimizer.step()
                training.optimizer.zero_grad()
                training.scheduler.step()
        training.validate()
    return training.end()


def everything(directory, **arguments):
    """A scaler, a moving average, a metric, generators, a transform with generators inside."""
    training = Training(directory, scheduler=warm_up, **arguments)
    average = AveragedModel(training.model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    scaler, metric, transform = torch.amp.GradScaler("cpu", growth_interval=2), Mean(), Jitter()
    numpy, python = np.random.default_rng(5), random.Random(5)
    training.track(average=average, scaler=scaler, metric=metric, transform=transform, numpy=numpy, python=python)
    for epoch in training.run.epochs(EPOCHS):
        if epoch == 1:
            training.model[0].weight.requires_grad_(False)
        for batch in training.run.batches(training.loader):
            training.optimizer.zero_grad(set_to_none=False)
            with torch.autocast("cpu", torch.bfloat16):
                loss = training.loss(transform(batch) + numpy.normal() + python.gauss(0, 1))
            scaler.scale(loss).backward()
            if training.run.step == 4:
                training.model[4].bias.grad.fill_(float("inf"))  # the step is skipped
            scaler.step(training.optimizer)
            scaler.update()
            training.scheduler.step()
            average.update_parameters(training.model)
            metric.update(loss)
            training.run.log(loss=loss, mean=metric.compute())
        training.model[3].train(epoch == 0)  # nobody turns it on again
    return training.end()


class Mean:
    def __init__(self) -> None:
        self.total, self.count = torch.zeros(()), 0

    def update(self, value: torch.Tensor) -> None:
        self.total, self.count = self.total + value.detach(), self.count + 1

    def compute(self) -> torch.Tensor:
        return self.total / self.count

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.total, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.total, self.count = state["total"], state["count"]


class Jitter:
    def __init__(self) -> None:
        self.numpy, self.python, self.torch = np.random.RandomState(1), random.Random(2), torch.Generator()

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return batch + self.numpy.normal() + self.python.random() + torch.rand((), generator=self.torch)


class Beside(torch.nn.Module):
    """What a module may keep beside its parameters and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.others = torch.Generator().manual_seed(5), [random.Random(6)]
        self.mean, self.count, self.recent, self.hidden = torch.zeros(7), 0, [], None

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.mean = 0.9 * self.mean + 0.1 * batch.detach().float().mean(0)
        self.count += 1
        self.recent = [*self.recent[-2:], batch.detach().float().sum()]
        self.hidden = {"last": (batch.detach().clone(), self.count)}
        noise = torch.randn((), generator=self.generator) + self.others[0].random()
        return batch - self.mean + sum(self.recent) * noise / self.count


class History:
    """A tensor that grows, and a generator that its state leaves out."""

    def __init__(self) -> None:
        self.values, self.generator = torch.empty(0), np.random.default_rng(7)

    def add(self, value: torch.Tensor) -> float:
        self.values = torch.cat([self.values, value.detach().reshape(1)])
        return float(self.values.mean() * self.generator.random())

    def state_dict(self) -> dict[str, Any]:
        return {"values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values = state["values"]


def beside(directory, **arguments):
    """What a module keeps in plain attributes, what belongs to an optimizer alone, a history."""
    training = Training(directory, **arguments)
    part, temperature, history = Beside(), torch.zeros(1, requires_grad=True), History()
    own = torch.optim.Adam([temperature, training.model[0].weight], lr=0.1)
    training.track(part=part, own=own, history=history)
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(training.loader):
            own.zero_grad()
            training.optimizer.zero_grad()
            loss = training.loss(part(batch)) * temperature.exp().sum()
            loss.backward()
            own.step()
            training.optimizer.step()
            (temperature * loss.detach()).sum().backward()  # which is pending when it is saved
            training.run.log(loss=loss, temperature=temperature, gradient=temperature.grad, history=history.add(loss))
    return training.end()


def warm_up(optimizer):
    schedulers = torch.optim.lr_scheduler
    first = schedulers.LambdaLR(optimizer, lambda step: (step + 1) / 3)
    return schedulers.SequentialLR(optimizer, [first, schedulers.CosineAnnealingLR(optimizer, 6)], [3])


def lbfgs(directory, **arguments):
    training = Training(directory, optimizer=torch.optim.LBFGS, lr=0.1, **arguments)
    for _ in training.run.epochs(2):
        for batch in training.run.batches(training.loader):

            def closure(batch=batch):
                training.optimizer.zero_grad()
                loss = training.loss(batch)
                loss.backward()
                return loss

            training.optimizer.step(closure)
            training.scheduler.step()
    return training.end()


def plain_loader(directory, workers=0, **arguments):
    """torch's own loader, given to batches."""
    training = Training(directory, **arguments)
    loader = TorchDataLoader(Noisy(SIZE), batch_size=BATCH, shuffle=True, num_workers=workers)
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(loader):
            training.step(batch)
        training.validate()
    return training.end()


def torchdata_left_by_break(directory, **arguments):
    """torchdata's, left by break in each epoch, and another loop behind it."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    training = Training(directory, **arguments)
    loader = StatefulDataLoader(Noisy(SIZE), batch_size=BATCH, shuffle=True)
    training.track(other=loader)
    for _ in training.run.epochs(EPOCHS):
        for batch in training.run.batches(loader):
            training.step(batch)
            if training.run.step % 3 == 1:
                break
        for batch in training.run.batches(training.loader, steps=1):
            training.step(batch)
    return training.end()


def torchdata_second(directory, loader_workers=0, **arguments):
    """torchdata's, which is asked for its state before its first pass."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    training = Training(directory, **arguments)
    loader = StatefulDataLoader(Noisy(SIZE), batch_size=BATCH, shuffle=True, num_workers=loader_workers)
    training.track(other=loader)
    for _ in training.run.epochs(2):
        for batch in training.run.batches(training.loader, steps=2):
            training.step(batch)
        for batch in training.run.batches(loader):
            training.step(batch)
    return training.end()


def torchdata_loader(directory, workers=0, count=None, **arguments):
    """torchdata's, whose items draw nothing, because it does not keep the generators of its workers."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    training = Training(directory, **arguments)
    data = Noisy(SIZE) if workers == 0 else TensorDataset(torch.rand(SIZE, 7))
    loader = StatefulDataLoader(data, batch_size=BATCH, shuffle=True, num_workers=workers)
    training.track(other=loader)
    if count is None:
        for _ in training.run.epochs(EPOCHS):
            for batch in training.run.batches(loader):
                training.step(batch if workers == 0 else batch[0])
            training.validate()
    else:
        for batch in training.run.batches(loader, steps=count):
            training.step(batch if workers == 0 else batch[0])
    return training.end()
