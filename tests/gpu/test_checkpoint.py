from __future__ import annotations

import pytest
import torch

from samerun.checkpoint import Store, Writer
from samerun.state import first_difference

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def test_tensors_on_a_device_come_back_bit_by_bit_on_the_cpu(tmp_path):
    weight = torch.randn(1000, 1000, device="cuda")
    state = {"w": weight, "tied": weight, "t": weight.t(), "row": weight[3:5], "cpu": torch.randn(3)}
    expected = {name: tensor.cpu() for name, tensor in state.items()}
    with Writer(Store(tmp_path)) as writer:
        writer.save(0, state)
        weight.zero_()
    found = Store(tmp_path).load(0).state
    assert first_difference(found, expected) is None
    assert {tensor.device.type for tensor in found.values()} == {"cpu"}
    found["w"][3, 0] = 7
    assert found["row"][0, 0] == found["t"][0, 3] == 7
