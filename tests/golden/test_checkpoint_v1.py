"""A checkpoint of format version 1, written by samerun 0.1.0: ``Store.save(3, golden_state(), META)``.

Every later samerun must load it.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import torch

from samerun.checkpoint import Store
from samerun.checkpoint.blocks import DTYPES
from samerun.state import fingerprint, first_difference

GOLDEN = Path(__file__).parent / "checkpoint-v1"

META = {"epoch": 1, "metrics": {"loss": 0.25, "worst": math.inf}, "environment": {"threads": 2}}


def golden_state():
    weight = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    data = torch.arange(1, 17, dtype=torch.uint8)
    return {
        "dtypes": {
            name: (data % 2 if name == "bool" else data).view(dtype)
            for name, dtype in DTYPES.items()
            if name != "float8_e8m0fnu"  # older versions of torch lack it
        },
        "shared": {"weight": weight, "tied": weight, "transposed": weight.t(), "row": weight[1]},
        "shapes": [torch.tensor(-0.0), torch.zeros(0, 3), torch.arange(6).reshape(2, 3).t()],
        "nan": torch.tensor([0x7FC00ABC, -1], dtype=torch.int32).view(torch.float32),
        "arrays": (np.arange(3, dtype=">u2"), np.array(2.5), np.array(["é"]), np.array(["2026-01-01"], "<M8[D]")),
        "plain": [None, True, 1, 1.0, -0.0, "日本", 2**63, -(2**63), -(2**70), b"\x00\xff", (), [], {}],
        "floats": [math.inf, -math.inf, struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000ABC))[0], 5e-324],
        "keys": {0: "integer", "0": "text", "$tensor": 1, "\ud800": "\udfff"},
        "net": torch.nn.BatchNorm1d(1).state_dict(),
    }


def lasting_lines(path):
    changing = (b' "created"', b' "made_by"', b' "xxh3_128"')
    return [line for line in path.read_bytes().split(b"\n") if not line.startswith(changing)]


def test_it_loads_bit_by_bit():
    found = Store(GOLDEN).load_newest()
    assert (found.step, found.passed_over, found.info.made_by) == (3, (), "samerun 0.1.0")
    assert first_difference(found.meta, META) is None
    assert first_difference(found.state, golden_state()) is None
    assert fingerprint(found.state) == "5738779e5a80230e1f5b85354c144ba8"
    assert found.state["net"]._metadata == {"": {"version": 2}}
    found.state["shared"]["weight"][1, 2] = 100
    assert found.state["shared"]["tied"][1, 2] == found.state["shared"]["transposed"][2, 1] == 100
    assert found.state["shared"]["row"][2] == 100


def test_the_same_state_is_still_written_as_the_same_bytes(tmp_path):
    store = Store(tmp_path)
    store.save(3, golden_state(), META)
    for file in ("rank-00000.safetensors", "manifest.json"):
        golden, ours = (folder / "step-000000003" / file for folder in (GOLDEN, tmp_path))
        assert lasting_lines(golden) == lasting_lines(ours)
