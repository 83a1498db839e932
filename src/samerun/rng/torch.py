"""torch's generators: the CPU's, every initialised device's, and private ``torch.Generator`` objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np
import torch

from samerun.errors import Problem, StateError
from samerun.rng.mersenne import WORDS, Twister
from samerun.rng.source import Family, Field, Packed, Source, expect_fields

__all__ = ["DeviceFamily", "GeneratorSource", "MpsSource", "cpu_twister", "mps_sources"]

# The layout of a CPU generator's state, from torch's aten/src/ATen/CPUGeneratorImpl.cpp (CPUGeneratorImplState).
_CPU_STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "normals"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", WORDS), ("V", 40)],
        "offsets": [0, 8, 12, 16, 24, 5016],
        "itemsize": 5056,
    }
)


class GeneratorSource(Source[torch.Tensor]):
    """A ``torch.Generator``: the CPU's default one, a device's default one, or a private one.

    What is captured: all that torch's own ``get_state`` gives, so also the initial seed and the cached normals of
    the CPU generator, and the seed and the offset of a CUDA or XPU generator (Philox).
    """

    write_cannot_fail = True

    def __init__(self, name: str, generator: torch.Generator) -> None:
        super().__init__(name)
        self._generator = generator

    def read(self) -> torch.Tensor:
        return self._generator.get_state()

    def write(self, native: torch.Tensor) -> None:
        self._generator.set_state(native)

    def seed(self, seed: int) -> None:
        self._generator.manual_seed(seed)

    def same(self, first: torch.Tensor, second: torch.Tensor) -> bool:
        return torch.equal(first, second)

    def rewind(self) -> bool:
        self._generator.manual_seed(self._generator.initial_seed())
        return True

    @classmethod
    def pack(cls, native: torch.Tensor) -> Packed:
        # torch's states carry no mark of their device, but their sizes tell the algorithms apart.
        kind = "torch.mt19937" if native.numel() == _CPU_STATE.itemsize else "torch.philox"
        return Packed(kind, {"bytes": native.clone()})

    def unpack(self, packed: Packed) -> torch.Tensor:
        template = self.pack(self.read())
        fields = {"bytes": Field(torch.uint8, tuple(template.fields["bytes"].shape))}
        state = expect_fields(self.name, packed, template.kind, fields)["bytes"]
        if template.kind == "torch.mt19937":
            _check_cpu(self.name, state)
        try:
            self._generator.clone_state().set_state(state)  # torch's own checks, on a scratch generator
        except RuntimeError as error:
            raise StateError([Problem(self.name, f"a state that torch refuses ({error})", "one it accepts")]) from error
        return state


class MpsSource(Source[torch.Tensor]):
    """The default generator of Apple's MPS device, through the functions of ``torch.mps``."""

    def __init__(self, name: str = "torch.mps", backend: ModuleType = torch.mps) -> None:
        super().__init__(name)
        self._backend = backend

    def read(self) -> torch.Tensor:
        state: torch.Tensor = self._backend.get_rng_state()
        return state

    def write(self, native: torch.Tensor) -> None:
        self._backend.set_rng_state(native)

    def seed(self, seed: int) -> None:
        self._backend.manual_seed(seed)

    @classmethod
    def pack(cls, native: torch.Tensor) -> Packed:
        return Packed("torch.mps", {"bytes": native.clone()})

    def unpack(self, packed: Packed) -> torch.Tensor:
        fields = {"bytes": Field(torch.uint8, tuple(self.read().shape))}
        return expect_fields(self.name, packed, "torch.mps", fields)["bytes"]


class DeviceFamily(Family):
    """The default generators of all devices of one backend that is initialised lazily, such as ``torch.cuda``.

    Looking never initialises the backend: a process that has not used it has no generators there, and nothing has
    been drawn. Seeding is queued by torch until the backend starts; restoring a state that names a device starts it.
    """

    def __init__(self, name: str, backend: ModuleType) -> None:
        super().__init__(name, self._present)
        self._backend = backend
        self._generators: object = ()
        self._sources: list[GeneratorSource] = []

    def _present(self) -> Iterable[Source[Any]]:
        if not self._backend.is_initialized():
            return ()
        generators = self._backend.default_generators
        if self._generators is not generators:
            self._generators = generators
            self._sources = [
                GeneratorSource(f"{self.name}:{index}", generator) for index, generator in enumerate(generators)
            ]
        return self._sources

    def seed_later(self, seed_of: Callable[[str], int]) -> list[str]:
        if self._backend.is_initialized():
            return []
        names = [f"{self.name}:{index}" for index in range(self._backend.device_count())]
        if not names:
            return []
        seeds = [seed_of(name) for name in names]

        def seed_all() -> None:
            # The devices may be fewer by then, if somebody narrowed them before the backend started.
            for generator, seed in zip(self._backend.default_generators, seeds, strict=False):
                generator.manual_seed(seed)

        # Queued as manual_seed_all() queues itself: torch keeps the latest only and runs it after all other calls, so
        # that a state queued by set_rng_state() would lose against an earlier torch.manual_seed().
        self._backend._lazy_call(seed_all, seed_all=True)
        return names

    def pending(self) -> object:
        return None if self._backend.is_initialized() else dict(vars(self._backend._lazy_seed_tracker))

    def put_back(self, pending: object) -> None:
        if not isinstance(pending, dict):
            return
        if not self._backend.is_initialized():
            vars(self._backend._lazy_seed_tracker).update(pending)
            return
        for call in ("manual_seed_all_cb", "manual_seed_cb"):
            if pending.get(call) is not None:
                seed, _ = pending[call]  # with the traceback of who asked for it
                seed()

    def wake(self, names: Iterable[str]) -> None:
        ours = any(name.startswith(f"{self.name}:") for name in names)
        if ours and not self._backend.is_initialized() and self._backend.is_available():
            self._backend.init()


def mps_sources() -> Iterable[Source[Any]]:
    """Return the MPS generator where there is one."""
    return (MpsSource(),) if torch.backends.mps.is_available() else ()


def cpu_twister(state: torch.Tensor) -> tuple[Twister, bytes]:
    """Return the Mersenne Twister inside a CPU generator's state (``uint8[5056]``), and all that is beside it.

    torch counts the words that are left; a fresh generator has one left, which stands for a block used up.
    """
    record = state.numpy().view(_CPU_STATE)[0]
    twister = Twister(record["words"].astype(np.uint32), WORDS + 1 - int(record["left"]))
    return twister, record["seed"].tobytes() + record["normals"].tobytes()


def _check_cpu(name: str, state: torch.Tensor) -> None:
    record = state.numpy().view(_CPU_STATE)[0]
    left, following = int(record["left"]), int(record["next"])
    twister, _ = cpu_twister(state)
    problem = twister.problem()
    if int(record["words"].max()) >= 2**32:
        problem = "words of more than 32 bits"
    elif record["seeded"] != 1:
        problem = "a generator that was never seeded"
    elif not 1 <= left <= WORDS or ((following, left) != (0, 1) and following + left != WORDS + 1):
        problem = f"{left} words left after word {following}"
    normals = np.frombuffer(record["normals"].tobytes()[:24], "<f8")
    if not np.isfinite(normals).all():
        problem = "a cached normal that is not finite"
    if problem:
        raise StateError([Problem(name, problem, "a state of torch's CPU generator")])
