from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

import nets
from samerun.tracing.dump import VARIABLE, Dump, Wish, load_tensors
from samerun.tracing.ops import Op, Operations


def observed(work: Callable[[], object]) -> list[Op]:
    found: list[Op] = []
    with Operations(found.append):
        work()
    return found


def one(work: Callable[[], object], name: str) -> Op:
    (found,) = (op for op in observed(work) if op.name == name)
    return found


def line_of(function: Callable[[], object], text: str) -> int:
    lines, start = inspect.getsourcelines(function)
    return next(number for number, line in enumerate(lines, start) if text in line)


@pytest.mark.parametrize("optimizer", nets.OPTIMIZERS)
@pytest.mark.parametrize("kind", nets.KINDS)
def test_no_bit_is_changed(kind: Callable[[], object], optimizer: str) -> None:
    found: list[Op] = []
    assert nets.train(kind, optimizer, lambda: Operations(found.append)) == nets.train(kind, optimizer, nullcontext)
    assert found


def test_the_same_work_gives_the_same_operations() -> None:
    def run() -> list[Op]:
        found: list[Op] = []
        nets.train(nets.language, "Adam", lambda: Operations(found.append))
        return found

    first, second = run(), run()
    assert first == second
    assert len(first) > 100


def test_a_step_is_told_with_module_line_and_node() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))

    def step() -> None:
        hidden = model(torch.ones(2, 3))
        loss = hidden.sum()
        loss.backward()

    found = observed(step)
    (linear,) = (op for op in found if op.name == "aten.addmm.default")
    assert linear.module == "Sequential.0"
    assert linear.stack[0] == (__file__, line_of(step, "hidden = "), step.__qualname__)
    assert [site.function for site in linear.stack[1:3]] == [
        "observed",
        "test_a_step_is_told_with_module_line_and_node",
    ]
    assert (linear.node, linear.drew, len(linear.inputs), len(linear.outputs)) == (None, None, 3, 1)
    (backward,) = (op for op in found if op.name == "aten.mm.default")
    assert (backward.node, backward.module) == ("AddmmBackward0", "Sequential.0")
    assert backward.stack[0].line == line_of(step, "loss.backward")
    assert backward.forward == linear.stack
    (expand,) = (op for op in found if op.node == "SumBackward0")
    assert expand.forward[0].line == line_of(step, "loss = ")
    assert [op.module for op in found if op.drew == "torch.cpu"] == ["Sequential.1"]


def test_what_is_written_in_place_counts_as_it_was_before_and_as_it_is_after() -> None:
    before, after = torch.ones(3), torch.full((3,), 3.0)
    plain = one(lambda: before.clone(), "aten.clone.default")
    changed = one(lambda: before.add_(2), "aten.add_.Tensor")
    assert changed.inputs == plain.outputs
    assert changed.digest == one(lambda: after.clone(), "aten.clone.default").digest


@pytest.mark.parametrize(
    "work",
    [
        lambda values: torch._foreach_add_([values, values[:1]], 1),
        lambda values: torch.add(values, 1, out=values),
        lambda values: values.index_put_((torch.tensor([0]),), torch.tensor(5.0)),
    ],
)
def test_operations_that_return_nothing_new_are_judged_by_what_they_write(work: Callable[[torch.Tensor], None]) -> None:
    first, second = observed(lambda: work(torch.ones(3)))[-1], observed(lambda: work(torch.zeros(3)))[-1]
    assert first.name == second.name
    assert first.outputs
    assert first.digest != second.digest


def test_the_running_statistics_of_a_normalization_count_as_written() -> None:
    norm = nn.BatchNorm1d(3)
    found = one(lambda: norm(torch.randn(4, 3)), "aten.native_batch_norm.default")
    again = one(lambda: norm.running_mean.clone(), "aten.clone.default")
    assert again.outputs[0] in found.outputs


def test_memory_that_nobody_wrote_does_not_count() -> None:
    found = one(lambda: torch.empty(1000), "aten.empty.memory_format")
    assert (found.digest, found.outputs) == (bytes(16), ())
    assert one(lambda: torch.empty(1000).fill_(1), "aten.fill_.Scalar").inputs == ()


def test_a_view_is_judged_by_how_it_looks_and_not_by_the_values() -> None:
    ones, zeros = torch.ones(3), torch.zeros(3)
    first, second, other = (
        one(work, "aten.select.int") for work in (lambda: ones[0], lambda: zeros[0], lambda: ones[1])
    )
    assert first.digest == second.digest != other.digest


def test_values_that_come_in_from_python_and_go_out_to_it_count() -> None:
    first, second = observed(lambda: torch.tensor([1.0]).item()), observed(lambda: torch.tensor([2.0]).item())
    assert [op.name for op in first] == ["aten.lift_fresh.default", "aten._local_scalar_dense.default"]
    assert all(one.digest != other.digest for one, other in zip(first, second, strict=True))


def test_a_private_generator_is_told_apart_and_the_arguments_have_no_addresses() -> None:
    generator = torch.Generator().manual_seed(1)
    found = one(lambda: torch.empty(3).normal_(generator=generator), "aten.normal_.default")
    assert found.drew == "a generator of its own on cpu"
    assert "0x" not in found.arguments


def test_dropout_that_is_off_draws_nothing() -> None:
    assert not any(op.drew for op in observed(lambda: nn.functional.dropout(torch.ones(3), 0.5, training=False)))


def test_what_is_written_is_read_back() -> None:
    found = observed(lambda: nets.train(nets.images, "SGD", nullcontext))
    assert [Op.read(op.name, op.digest, op.value, op.parts) for op in found] == found


def test_other_modes_stay_where_they_are() -> None:
    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    ours, theirs = Operations(lambda op: None), Mode()
    ours.__enter__()
    with theirs:
        ours.__exit__(None, None, None)
        assert _get_current_dispatch_mode_stack() == [theirs]
    assert _get_current_dispatch_mode_stack() == []


def test_compiled_code_is_compiled_and_gives_the_same_bits() -> None:
    def run(around: Callable[[], object]) -> bytes:
        torch.compiler.reset()
        counter = CompileCounter()
        torch.manual_seed(1)
        model = nn.Linear(3, 3)
        compiled = torch.compile(model, backend=counter)
        with around():
            result = compiled(torch.ones(2, 3))
        assert counter.frame_count == 1
        return result.detach().numpy().tobytes()

    assert run(lambda: Operations(lambda op: None)) == run(nullcontext)


def test_the_tensors_of_a_chosen_operation_are_kept(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randn(3, dtype=torch.bfloat16)

    def work() -> None:
        torch.ones(2).add_(1)
        values.clone().add_(1)

    chosen = [op for op in observed(work) if op.name == "aten.add_.Tensor"][1]
    dump = Dump(tmp_path, [Wish(chosen.name, chosen.inputs, chosen.digest)])
    monkeypatch.setenv(VARIABLE, dump.variables()[VARIABLE])
    observed(work)
    (path,) = tmp_path.iterdir()
    kept = load_tensors(path)
    assert kept.keys() == {"input 0", "output 0"}
    assert torch.equal(kept["input 0"], values)
    assert torch.equal(kept["output 0"], values + 1)
    assert kept["output 0"].dtype is torch.bfloat16


def test_nothing_of_what_the_sink_does_is_observed() -> None:
    found: list[Op] = []
    with Operations(lambda op: (found.append(op), torch.ones(3))):
        torch.zeros(3)
    assert [op.name for op in found] == ["aten.zeros.default"]


def test_numbers_are_told_exactly() -> None:
    found = one(lambda: torch.ones(2) * 0.1, "aten.mul.Tensor")
    assert found.arguments == "T, 0.1"
    assert np.float64(found.arguments.split()[1]) == 0.1
