"""States of every kind a checkpoint holds; a disk that is quick because it waits for nothing, and one that is full."""

from __future__ import annotations

import math
import resource
import struct
from contextlib import contextmanager

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from samerun.checkpoint import Files
from samerun.checkpoint.blocks import DTYPES

NAN_WITH_PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000ABC))[0]


class Unsynced(Files):
    """Leaves out what only a loss of power would show."""

    def sync(self, descriptor):
        pass

    def sync_directory(self, path):
        pass


@st.composite
def tensors(draw):
    """Tensors of every dtype with any bits in them, 0 to 3 dimensions, contiguous or not."""
    dtype = draw(st.sampled_from(list(DTYPES.values())))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    size = math.prod(shape) * dtype.itemsize
    data = torch.tensor(list(draw(st.binary(min_size=size, max_size=size))), dtype=torch.uint8)
    if dtype is torch.bool:
        data = data % 2
    tensor = data.view(dtype).reshape(shape)
    return tensor.movedim(0, -1) if draw(st.booleans()) and tensor.dim() else tensor


arrays = npst.arrays(
    st.one_of(
        npst.integer_dtypes(),
        npst.unsigned_integer_dtypes(),
        npst.floating_dtypes(),
        npst.complex_number_dtypes(),
        npst.boolean_dtypes(),
        npst.unicode_string_dtypes(),
        npst.byte_string_dtypes(),
        npst.datetime64_dtypes(),
    ),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.just(NAN_WITH_PAYLOAD),
    st.text(st.characters(codec=None)),
    st.binary(),
    tensors(),
    arrays,
)
keys = st.one_of(st.text(st.characters(codec=None), max_size=3), st.integers(), st.sampled_from(["$tensor", "$dict"]))
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
    ),
    max_leaves=8,
)


def training_state(step: int) -> dict[str, object]:
    """Return what a small training would save at a step, with tied weights; its values depend on the step alone."""
    weight = torch.arange(12, dtype=torch.float32).reshape(3, 4) + step
    return {
        "model": {"embed": weight, "head": weight, "bias": torch.tensor(-0.0), "mask": torch.zeros(0, 2)},
        "optimizer": {
            "state": {0: {"step": torch.tensor(float(step)), "exp_avg": weight.t() / 3}},
            "betas": (0.9, 0.99),
        },
        "sampler": {"state": np.arange(step, step + 5, dtype=">u4"), "seed": 2**80 + step, "name": "日本"},
        "best": math.inf,
        "raw": bytes([step % 256, 0, 255]),
    }


@contextmanager
def full(size):
    """Let no file grow beyond so many bytes, as a full disk does; what fits of a write is written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
