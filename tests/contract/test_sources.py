"""One contract for every kind of source, built in, private, or brought by an adapter."""

from __future__ import annotations

import random
import types

import numpy as np
import pytest
import torch

from samerun.errors import DiscoveryError, StateError
from samerun.integrations.numba import sources as numba_sources
from samerun.rng import Packed, Source
from samerun.rng.numpy import BitGeneratorSource, RandomStateSource
from samerun.rng.python import PythonSource
from samerun.rng.shared import SharedNumpy, SharedPython
from samerun.rng.torch import GeneratorSource, MpsSource


class PhiloxLike:
    """Stands for a device's generator where there is none: 8 bytes of seed and 8 of offset, like CUDA's and XPU's."""

    def __init__(self, seed=0, offset=0):
        self.seed, self.offset = seed, offset

    def get_state(self):
        return torch.from_numpy(np.array([self.seed, self.offset], "<u8").view(np.uint8).copy())

    def set_state(self, state):
        if state.numel() != 16:
            raise RuntimeError("RNG state is wrong size")
        self.seed, self.offset = state.numpy().view("<u8").tolist()

    def clone_state(self):
        return PhiloxLike(self.seed, self.offset)

    def manual_seed(self, seed):
        self.seed, self.offset = seed, 0

    def initial_seed(self):
        return self.seed

    def draw(self):
        self.offset += 4
        return hash((self.seed, self.offset))


def _philox():
    generator = PhiloxLike(5)
    return GeneratorSource("philox", generator), generator.draw


def _mps():
    generator = PhiloxLike(5)
    backend = types.SimpleNamespace(
        get_rng_state=generator.get_state, set_rng_state=generator.set_state, manual_seed=generator.manual_seed
    )
    return MpsSource(backend=backend), generator.draw


def _python():
    generator = random.Random(5)
    return PythonSource("python", generator), lambda: generator.gauss(0, 1)


def _random_state(bits=np.random.MT19937):
    generator = np.random.RandomState(bits(5))
    return RandomStateSource("state", generator), generator.standard_normal


def _bits(kind):
    bits = kind(5)
    return BitGeneratorSource("bits", bits), lambda: np.random.Generator(bits).integers(0, 1000, dtype=np.uint32)


def _torch():
    generator = torch.Generator()
    return GeneratorSource(
        "torch", generator
    ), lambda: torch.empty((), dtype=torch.float64).normal_(generator=generator).item()


def _numba(name):
    import numba

    (source,) = [source for source in numba_sources() if source.name == name]
    compiled = {"numba.numpy": lambda: np.random.normal(), "numba.python": lambda: random.gauss(0.0, 1.0)}
    return source, numba.njit(compiled[name])


MAKE = {
    "global python": lambda: (PythonSource("python"), lambda: random.gauss(0, 1)),
    "global numpy": lambda: (RandomStateSource("numpy"), np.random.standard_normal),
    "global torch": lambda: (GeneratorSource("torch.cpu", torch.default_generator), lambda: torch.randn(1).item()),
    "python": _python,
    "RandomState": _random_state,
    "RandomState over PCG64": lambda: _random_state(np.random.PCG64),
    **{
        kind.__name__: lambda kind=kind: _bits(kind)
        for kind in (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)
    },
    "the loader's python": lambda: (SharedPython("python"), lambda: random.gauss(0, 1)),
    "the loader's numpy": lambda: (SharedNumpy("numpy"), lambda: (np.random.random_sample(), np.random.normal())[0]),
    "torch": _torch,
    "philox": _philox,
    "mps": _mps,
    "numba.numpy": lambda: _numba("numba.numpy"),
    "numba.python": lambda: _numba("numba.python"),
}


@pytest.fixture(params=MAKE.values(), ids=MAKE.keys())
def pair(request, numba):
    source, draw = request.param()
    before = source.read()
    source.seed(5)
    yield source, draw
    source.write(before)


def draws(draw):
    return [draw() for _ in range(5)]


def tensors(packed):
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in packed.fields.items()}


def test_reading_does_not_draw_and_gives_an_independent_copy(pair):
    source, draw = pair
    draw()
    first = source.read()
    expected = draws(draw)
    source.write(first)
    assert draws(draw) == expected
    source.write(first)
    source.read()
    assert draws(draw) == expected


def test_same_states_are_the_same_and_one_draw_makes_another(pair):
    source, draw = pair
    before = source.read()
    assert source.same(before, source.read())
    draw()
    assert not source.same(before, source.read())
    source.write(before)
    assert source.same(before, source.read())


def test_packing_and_unpacking_loses_nothing(pair):
    source, draw = pair
    draw()  # leaves a cached gaussian or half a word behind where there is one
    packed = source.pack(source.read())
    expected = draws(draw)
    source.write(source.unpack(packed))
    assert draws(draw) == expected


def test_seeding_forgets_everything_before(pair):
    source, draw = pair
    runs = []
    for seed in (5, 5, 6, 2**63 + 5):
        draw()
        source.seed(seed)
        runs.append(draws(draw))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    if not isinstance(source, GeneratorSource):  # of a seed, torch's CPU generator keeps the lower 32 bits
        assert runs[0] != runs[3]


def test_names_dtypes_and_shapes_of_the_tensors_do_not_depend_on_the_state(pair):
    source, draw = pair
    seen = [source.pack(source.read())]
    for _ in range(3):
        draw()
        seen.append(source.pack(source.read()))
    assert all((packed.kind, tensors(packed)) == (seen[0].kind, tensors(seen[0])) for packed in seen)


def test_packed_tensors_share_no_memory_with_the_generator(pair):
    source, draw = pair
    native = source.read()
    packed = source.pack(native)
    for tensor in packed.fields.values():
        tensor.zero_()
    expected = draws(draw)
    source.write(native)
    assert draws(draw) == expected


def test_an_unpacked_state_shares_no_memory_with_its_tensors(pair):
    source, draw = pair
    packed = source.pack(source.read())
    expected = draws(draw)
    native = source.unpack(packed)
    for tensor in packed.fields.values():
        tensor.zero_()
    source.write(native)
    assert draws(draw) == expected


@pytest.mark.parametrize(
    ("kind", "field", "value", "message"),
    [
        (np.random.Philox, "buffer_pos", 5, "0 to 4"),
        (np.random.Philox, "has_uint32", 2, "0 to 1"),
        (np.random.PCG64, "uinteger", 2**32, "0 to 4294967295"),
        (np.random.MT19937, "state.pos", 625, "0 to 624"),
    ],
)
def test_values_that_would_make_numpy_read_outside_its_buffers_are_refused(kind, field, value, message):
    source = BitGeneratorSource("bits", kind(1))
    fields = source.pack(source.read()).fields
    fields[field] = torch.from_numpy(np.array([value, 0], np.uint64))
    with pytest.raises(StateError, match=message):
        source.unpack(Packed(f"numpy.{kind.__name__}", fields))


def test_zero_words_are_refused_for_a_private_mersenne_twister_too():
    source = BitGeneratorSource("bits", np.random.MT19937(1))
    packed = source.pack(source.read())
    packed.fields["state.key"].zero_()
    with pytest.raises(StateError, match="all zero"):
        source.unpack(packed)


def test_a_cached_gaussian_of_exactly_zero_is_kept():
    generator = random.Random(1)
    generator.setstate((*generator.getstate()[:2], 0.0))
    source = PythonSource("python", generator)
    assert source.unpack(source.pack(source.read()))[2] == 0.0


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_cached_gaussians_that_are_not_finite_are_refused(value):
    source = PythonSource("python", random.Random(1))
    packed = source.pack(source.read())
    packed.fields["gauss"].fill_(value)
    with pytest.raises(StateError, match="not finite"):
        source.unpack(packed)


@pytest.mark.parametrize("place", [5016, 5024, 5032])
def test_each_cached_normal_of_torch_is_checked(place):
    source, _ = _torch()
    packed = source.pack(source.read())
    packed.fields["bytes"][place : place + 8] = torch.tensor([float("nan")], dtype=torch.float64).view(torch.uint8)
    with pytest.raises(StateError, match="normal that is not finite"):
        source.unpack(packed)


def test_a_torch_generator_is_rewound_to_its_seed():
    source, draw = _torch()
    source.seed(9)
    expected = draws(draw)
    assert source.rewind()
    assert draws(draw) == expected


def test_what_a_source_promises_unless_it_says_otherwise():
    source = PythonSource("python", random.Random(1))
    assert not Source.write_cannot_fail
    assert not source.rewind()


class NeedsArguments(np.random.PCG64):
    def __init__(self, seed, more):
        super().__init__(seed)


def test_a_bit_generator_that_cannot_be_made_again_is_refused_before_anything_is_done():
    with pytest.raises(DiscoveryError, match="NeedsArguments, which cannot be made from a seed"):
        BitGeneratorSource("bits", NeedsArguments(1, 2))
    with pytest.raises(DiscoveryError, match="RandomState over"):
        RandomStateSource("state", np.random.RandomState(NeedsArguments(1, 2)))


def test_damage_to_any_field_is_refused_and_changes_nothing(pair):
    source, _ = pair
    packed = source.pack(source.read())
    before = {name: tensor.clone() for name, tensor in packed.fields.items()}
    damaged = [
        Packed("other", packed.fields),
        Packed(packed.kind, {}),
        Packed(packed.kind, {**packed.fields, "more": torch.zeros(1)}),
    ]
    for name, tensor in packed.fields.items():
        damaged += [
            Packed(packed.kind, {**packed.fields, name: broken})
            for broken in (
                tensor.to(torch.complex64),
                tensor.reshape(1, *tensor.shape),
                torch.cat([tensor.reshape(-1)] * 2),
            )
        ]
        damaged.append(Packed(packed.kind, {**packed.fields, name: None}))
    for broken in damaged:
        with pytest.raises(StateError, match=source.name):
            source.unpack(broken)
    after = source.pack(source.read()).fields
    assert all(torch.equal(before[name], after[name]) for name in before)
