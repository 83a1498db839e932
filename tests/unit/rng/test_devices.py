"""Devices that are initialised lazily, played by a stand-in for ``torch.cuda``: no such device is needed."""

from __future__ import annotations

import random
import subprocess
import sys
import types

import pytest
import torch

from contract.test_sources import PhiloxLike
from hostile import seal
from samerun.derive import derive
from samerun.errors import StateError
from samerun.rng import RngState, Stream, capture, isolate, restore, seed_everything
from samerun.rng import registry as rng_registry
from samerun.rng.torch import DeviceFamily


class Backend:
    """Behaves as ``torch.cuda`` does: no generators before ``init``, which runs the latest seeding asked for."""

    def __init__(self, devices=2, *, available=True):
        self.devices, self.available = devices, available
        self.default_generators = ()
        self._lazy_seed_tracker = types.SimpleNamespace(manual_seed_all_cb=None, manual_seed_cb=None, call_order=[])

    def is_available(self):
        return self.available

    def is_initialized(self):
        return bool(self.default_generators)

    def device_count(self):
        return self.devices if self.available else 0

    def init(self):
        assert self.available
        self.default_generators = tuple(PhiloxLike(seed=1000 + index) for index in range(self.devices))
        if self._lazy_seed_tracker.manual_seed_all_cb is not None:
            self._lazy_seed_tracker.manual_seed_all_cb[0]()

    def _lazy_call(self, function, *, seed_all):
        assert seed_all
        if self.is_initialized():
            function()
        else:
            self._lazy_seed_tracker.manual_seed_all_cb = (function, ["a traceback"])

    def manual_seed_all(self, seed):
        self._lazy_call(lambda: [generator.manual_seed(seed) for generator in self.default_generators], seed_all=True)


@pytest.fixture
def gpus(monkeypatch):
    backend = Backend()
    monkeypatch.setattr(rng_registry, "_BUILT_IN", (*rng_registry._BUILT_IN, DeviceFamily("torch.gpu", backend)))
    rng_registry.families.cache_clear()
    yield backend
    monkeypatch.undo()
    rng_registry.families.cache_clear()


def test_cuda_xpu_and_mps_are_among_the_families():
    assert [family.name for family in rng_registry.families()][:3] == ["torch.cuda", "torch.xpu", "torch.mps"]


def test_waking_one_family_leaves_others_alone(gpus):
    state = capture([random.Random(1)])
    with pytest.raises(StateError):
        restore(state)  # a name that is not here, and not this family's
    assert not gpus.is_initialized()


def test_looking_and_seeding_do_not_initialise(gpus):
    assert not any(name.startswith("torch.gpu") for name in capture().names)
    seed_everything(1)
    restore(capture())
    assert not gpus.is_initialized()


def test_every_device_is_a_source_once_initialised(gpus):
    gpus.init()
    state = capture()
    assert {"torch.gpu:0", "torch.gpu:1"} <= set(state.names)
    first = [generator.draw() for generator in gpus.default_generators]
    assert [generator.draw() for generator in gpus.default_generators] != first
    restore(state)
    assert [generator.draw() for generator in gpus.default_generators] == first


@pytest.mark.parametrize("scheme", ["classic", "independent"])
def test_seeding_before_and_after_initialisation_gives_the_same_states(gpus, scheme):
    report = seed_everything(7, scheme=scheme)
    assert report.pending == ("torch.gpu:0", "torch.gpu:1")
    assert "(when the device is initialised)" in str(report)
    gpus.init()
    before = capture()
    again = seed_everything(7, scheme=scheme)
    assert again.pending == ()
    assert again.seeded == report.seeded
    assert capture() == before
    expected = 7 if scheme == "classic" else derive(7, "rng", "torch.gpu:1")
    assert gpus.default_generators[1].seed == expected


def test_the_stand_in_has_what_torch_has():
    assert vars(Backend()._lazy_seed_tracker).keys() == vars(torch.cuda._lazy_seed_tracker).keys()
    assert vars(Backend()._lazy_seed_tracker).keys() == vars(torch.xpu._lazy_seed_tracker).keys()


@pytest.mark.parametrize("scheme", ["classic", "independent"])
def test_the_latest_seeding_before_initialisation_counts(gpus, scheme):
    gpus.manual_seed_all(0)
    seeded = seed_everything(42, scheme=scheme).seeded
    gpus.init()
    assert [generator.seed for generator in gpus.default_generators] == [seeded["torch.gpu:0"], seeded["torch.gpu:1"]]


@pytest.mark.parametrize("block", [isolate, lambda: Stream(3)])
def test_a_seeding_inside_a_block_does_not_reach_a_device_initialised_after_it(gpus, block):
    seed_everything(42)
    with block():
        seed_everything(5)
    gpus.init()
    assert gpus.default_generators[0].seed == 42


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_device_initialised_and_seeded_inside_isolate_is_put_back_to_its_beginning(gpus, when):
    seed_everything(42)
    with isolate():
        if when == "after":
            seed_everything(5)
        gpus.init()
        if when == "before":
            seed_everything(5)
        gpus.default_generators[0].draw()
    assert (gpus.default_generators[0].seed, gpus.default_generators[0].offset) == (42, 0)


def test_a_stream_wakes_the_devices_of_its_position(gpus):
    gpus.init()
    stream = Stream(3)
    with stream:
        first = gpus.default_generators[0].draw()
    saved = stream.state_dict()
    with stream:
        second = gpus.default_generators[0].draw()
    gpus.default_generators = ()
    resumed = Stream(3)
    resumed.load_state_dict(saved)
    with resumed:
        assert gpus.is_initialized()
        assert gpus.default_generators[0].draw() == second != first


def test_a_stream_whose_devices_are_not_here_is_refused(gpus):
    gpus.init()
    stream = Stream(3)
    with stream:
        pass
    saved = stream.state_dict()
    gpus.default_generators, gpus.available = (), False
    stream.load_state_dict(saved)
    with pytest.raises(StateError, match=r"torch\.gpu:0: found a position"):
        stream.__enter__()


def test_restoring_a_state_with_devices_initialises_them(gpus):
    gpus.init()
    state = capture()
    gpus.default_generators = ()
    restore(state)
    assert gpus.is_initialized()
    assert capture() == state


def test_a_state_from_a_machine_with_gpus_is_refused_where_there_are_none(gpus):
    gpus.init()
    state = capture()
    gpus.default_generators, gpus.available = (), False
    with pytest.raises(StateError, match=r"torch\.gpu:0: found a state"):
        restore(state)
    restore(state, strict=False)


def test_another_number_of_gpus_is_refused_both_ways(gpus):
    gpus.init()
    with_two = capture()
    one_less = RngState()
    one_less.load_state_dict(seal({key: value for key, value in with_two.state_dict().items() if "gpu:1" not in key}))
    with pytest.raises(StateError, match=r"torch\.gpu:1: found no state"):
        restore(one_less)
    additional = RngState()
    extra = torch.zeros(16, dtype=torch.uint8)
    additional.load_state_dict(seal({**with_two.state_dict(), "torch.gpu:2/torch.philox/bytes": extra}))
    with pytest.raises(StateError, match=r"torch\.gpu:2: found a state"):
        restore(additional)


def test_importing_and_using_samerun_initialises_no_real_device():
    code = """
import samerun, torch
state = samerun.capture(); samerun.seed_everything(1); samerun.restore(state); samerun.environment()
with samerun.isolate(), samerun.Stream(1): pass
assert not torch.cuda.is_initialized() and not torch.xpu.is_initialized()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
