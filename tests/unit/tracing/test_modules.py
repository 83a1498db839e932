from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import nets
from samerun.tracing.draws import Draws
from samerun.tracing.modules import ModuleOutputs, Output
from samerun.tracing.ops import Operations


def outputs(work: Callable[[], object]) -> list[Output]:
    found: list[Output] = []
    with ModuleOutputs(found.append):
        work()
    return found


def names(work: Callable[[], object]) -> list[str]:
    return [found.name for found in outputs(work)]


@pytest.mark.parametrize("kind", nets.KINDS)
def test_no_bit_is_changed(kind: Callable[[], object]) -> None:
    found: list[Output] = []
    assert nets.train(kind, "Adam", lambda: ModuleOutputs(found.append)) == nets.train(kind, "Adam", nullcontext)
    assert len(found) >= nets.STEPS


def test_no_bit_is_changed_by_all_levels_together() -> None:
    def all_levels() -> ExitStack:
        stack = ExitStack()
        for observer in (ModuleOutputs, Operations, Draws):
            stack.enter_context(observer(lambda found: None))
        return stack

    assert nets.train(nets.language, "SGD", all_levels) == nets.train(nets.language, "SGD", nullcontext)


def test_every_module_is_named_by_its_path_in_the_order_of_ends() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    assert names(lambda: model(torch.ones(1, 2))) == [
        "Sequential.0",
        "Sequential.1.0",
        "Sequential.1.1",
        "Sequential.1",
        "Sequential",
    ]


def test_a_shared_module_has_one_path_and_an_output_for_each_call() -> None:
    layer = nn.Linear(2, 2)
    found = outputs(lambda: nn.Sequential(layer, layer)(torch.ones(1, 2)))
    assert [output.name for output in found] == ["Sequential.0", "Sequential.0", "Sequential"]
    assert found[0].digest != found[1].digest == found[2].digest


@dataclass
class Answer:
    logits: torch.Tensor
    states: tuple[dict[str, torch.Tensor], ...]


class Nested(nn.Module):
    def __init__(self, deep: float) -> None:
        super().__init__()
        self.deep = deep

    def forward(self, inputs: torch.Tensor) -> Answer:
        return Answer(inputs, ({"key": torch.tensor(self.deep)}, {}))


def test_a_difference_deep_inside_an_output_is_seen() -> None:
    zero, also_zero, negative = (Nested(deep) for deep in (0.0, 0.0, -0.0))
    first, second, third = outputs(lambda: [model(torch.ones(2)) for model in (zero, also_zero, negative)])
    assert first.digest == second.digest != third.digest


def test_two_models_of_one_class_are_told_apart_and_losses_are_not_numbered() -> None:
    student, teacher = nn.Linear(2, 2), nn.Linear(2, 2)

    def step() -> None:
        for _ in range(2):
            nn.MSELoss()(student(torch.ones(2)), teacher(torch.ones(2)))

    assert names(step) == ["Linear", "Linear#2", "MSELoss"] * 2


class MakesOne(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return nn.ReLU()(inputs)


def test_a_module_made_during_a_call_is_named_after_its_caller() -> None:
    assert names(lambda: MakesOne()(torch.ones(2))) == ["MakesOne.<ReLU>", "MakesOne"]


class Failing(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise ValueError


def test_a_call_that_fails_does_not_shift_the_paths_after_it() -> None:
    model = nn.Sequential(nn.Sequential(Failing()))

    def step() -> None:
        with suppress(ValueError):
            model(torch.ones(2))
        nn.ReLU()(torch.ones(2))

    assert names(step)[-1] == "ReLU"


class Interrupted(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt


class Catches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Interrupted()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        with suppress(KeyboardInterrupt):
            self.inner(inputs)
        return inputs


def test_a_call_that_is_interrupted_has_no_output_and_does_not_shift_the_paths_after_it() -> None:
    assert names(lambda: nn.Sequential(Catches(), nn.ReLU())(torch.ones(2))) == [
        "Sequential.0",
        "Sequential.1",
        "Sequential",
    ]


def test_hooks_come_off() -> None:
    before = len(nn.modules.module._global_forward_hooks), len(nn.modules.module._global_forward_pre_hooks)
    found = []
    with suppress(ZeroDivisionError), ModuleOutputs(found.append):
        raise ZeroDivisionError
    nn.ReLU()(torch.ones(2))
    assert not found
    assert before == (len(nn.modules.module._global_forward_hooks), len(nn.modules.module._global_forward_pre_hooks))


def test_warnings_are_treated_as_before() -> None:
    before = list(warnings.filters)
    outputs(lambda: nn.ReLU()(torch.ones(2)))
    assert warnings.filters == before


def test_of_a_compiled_module_the_outermost_call_is_seen_under_its_own_name() -> None:
    torch.compiler.reset()
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    compiled = torch.compile(model, backend="eager")
    plain, found = outputs(lambda: model(torch.ones(1, 2))), outputs(lambda: compiled(torch.ones(1, 2)))
    assert {output.name for output in found} == {"Sequential"}
    assert found[-1] == plain[-1]
