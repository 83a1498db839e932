"""Devices that are initialised lazily, played by a stand-in for ``torch.cuda``: no such device is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from contract.test_sources import PhiloxLike
from samerun.derive import derive
from samerun.errors import StateError
from samerun.rng import RngState, capture, restore, seed_everything
from samerun.rng import registry as rng_registry
from samerun.rng.torch import DeviceFamily


class Backend:
    """Behaves as ``torch.cuda`` does: no generators before ``init``, states set earlier are queued."""

    def __init__(self, devices=2, *, available=True):
        self.devices, self.available = devices, available
        self.default_generators = ()
        self.queue = []

    def is_available(self):
        return self.available

    def is_initialized(self):
        return bool(self.default_generators)

    def device_count(self):
        return self.devices if self.available else 0

    def init(self):
        assert self.available
        self.default_generators = tuple(PhiloxLike(seed=1000 + index) for index in range(self.devices))
        for state, index in self.queue:
            self.default_generators[index].set_state(state)

    def set_rng_state(self, state, index):
        self.queue.append((state.clone(), index))


@pytest.fixture
def gpus(monkeypatch):
    backend = Backend()
    monkeypatch.setattr(rng_registry, "_BUILT_IN", (*rng_registry._BUILT_IN, DeviceFamily("torch.gpu", backend)))
    rng_registry.families.cache_clear()
    yield backend
    monkeypatch.undo()
    rng_registry.families.cache_clear()


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
    one_less.load_state_dict({key: value for key, value in with_two.state_dict().items() if "gpu:1" not in key})
    with pytest.raises(StateError, match=r"torch\.gpu:1: found no state"):
        restore(one_less)
    additional = RngState()
    extra = torch.zeros(16, dtype=torch.uint8)
    additional.load_state_dict({**with_two.state_dict(), "torch.gpu:2/torch.philox/bytes": extra})
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
