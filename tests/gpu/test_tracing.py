"""How often a recorded step waits for a real CUDA device, and that its trace is that of the CPU's bits."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
import torch
from torch import nn

import samerun
from samerun.tracing import Trace
from samerun.tracing.away import Away
from samerun.tracing.fingerprint import Tensors, digest, held_digest, tensor_digest
from samerun.tracing.later import now

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

STEPS = 20


@pytest.fixture
def waits():
    """Count what makes the CPU wait for the device, as torch itself tells."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        yield lambda: sum("synchronizing CUDA operation" in str(warning.message) for warning in told)
        torch.cuda.set_sync_debug_mode("default")


def train(make, waits, lr=0.01):
    """Return the bits at the end, and the waits in each step but the first."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1)).cuda()
    optimizer = make(model.parameters(), lr=lr)
    average = torch.optim.swa_utils.AveragedModel(model)
    x, y = torch.randn(64, 16, device="cuda"), torch.randn(64, 1, device="cuda")
    seen = []
    for _ in range(STEPS):
        seen.append(waits())
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
        average.update_parameters(model)
    seen.append(waits())
    steps = [after - before for before, after in pairwise(seen[1:])]
    return [value.clone() for value in model.state_dict().values()], steps


OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "Adam": torch.optim.Adam,
    "fused": lambda parameters, lr: torch.optim.AdamW(parameters, lr=lr, fused=True),
    "capturable": lambda parameters, lr: torch.optim.Adam(parameters, lr=torch.tensor(lr).cuda(), capturable=True),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_waits_once_and_no_bit_changes(tmp_path, waits, make):
    plain, own = train(make, waits)
    with samerun.trace(tmp_path / "A.trace"):
        traced, steps = train(make, waits)
    assert [found - mine for found, mine in zip(steps, own, strict=True)] == [1] * (STEPS - 1)
    assert all(torch.equal(one, other) for one, other in zip(plain, traced, strict=True))
    with Trace(tmp_path / "A.trace") as trace:
        assert len(trace.steps()) == STEPS
        assert len({event.digest for event in trace.events() if event.series.kind == "gradients"}) == STEPS


def test_digests_are_those_of_the_same_bits_on_the_cpu_at_that_moment(waits):
    tensors = [torch.randn(5, 3), torch.tensor(2.5), torch.zeros(0, 3), torch.randn(6, 4).t(), torch.arange(3) > 1]
    there = [tensor.cuda() for tensor in tensors]
    before = waits()
    found, batch = Tensors(away := Away()).digests(there), held_digest({"x": there}, away.once())
    other = torch.cuda.Stream()
    other.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(other):  # from another stream, and after what comes next there
        for tensor in there:
            tensor.zero_()
        late = Tensors(away).digests(there)
    assert waits() == before
    assert [now(digest) for digest in found] == [tensor_digest(tensor) for tensor in tensors]
    assert now(batch) == digest({"x": tensors})
    assert [now(digest) for digest in late] == [tensor_digest(torch.zeros_like(tensor)) for tensor in tensors]
    assert waits() == before + 1
