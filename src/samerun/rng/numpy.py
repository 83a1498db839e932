"""NumPy's generators: the legacy global one, ``RandomState``, ``Generator`` and bare ``BitGenerator`` objects."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import torch

from samerun.errors import DiscoveryError, Problem, StateError
from samerun.rng.mersenne import WORDS, Twister
from samerun.rng.source import Field, Packed, Source, expect_fields

__all__ = ["BitGeneratorSource", "RandomStateSource", "global_bit_generator"]

# RandomState gives a tuple for MT19937 and a nested dict otherwise; bit generators always give a dict.
NumpyState: TypeAlias = "tuple[str, np.ndarray[Any, np.dtype[np.uint32]], int, int, float] | dict[str, Any]"

# The function itself, whatever stands under its name while a run is under way.
_seed = np.random.seed

# Values outside these make NumPy read outside its buffers, or are states no generator is ever in.
_LIMITS = {
    "state.pos": (0, WORDS),  # MT19937
    "buffer_pos": (0, 4),  # Philox
    "has_gauss": (0, 1),
    "has_uint32": (0, 1),
    "uinteger": (0, 2**32 - 1),
}


class RandomStateSource(Source[NumpyState]):
    """A ``RandomState``, or the module ``numpy.random`` itself for the legacy generator that everyone shares.

    What is captured: the state of the bit generator and the cached gaussian, which setting the bit generator's state
    alone would leak.
    """

    write_cannot_fail = True

    def __init__(self, name: str, rng: np.random.RandomState | ModuleType = np.random) -> None:
        super().__init__(name)
        self._rng = rng
        _bit_generator_type(name, _kind(self.read()))  # refused here, before anything is seeded or written

    def read(self) -> NumpyState:
        # The tuple is the fastest there is, but only MT19937 has one.
        if self._rng is np.random and type(global_bit_generator()) is np.random.MT19937:
            return np.random.get_state()
        return self._rng.get_state(legacy=False)

    def fits(self, native: NumpyState) -> bool:
        # np.random.set_bit_generator() may have put another algorithm under the global generator.
        return self._rng is not np.random or _kind(native) == type(global_bit_generator()).__name__

    def write(self, native: NumpyState) -> None:
        if not self.fits(native):  # somebody put another algorithm under the global generator since
            fresh = _bit_generator_type(self.name, _kind(native))()
            np.random.set_bit_generator(fresh)  # type: ignore[attr-defined]  # not in NumPy's stubs
        self._rng.set_state(native)

    def seed(self, seed: int) -> None:
        kind = self._rng.get_state(legacy=False)["bit_generator"]
        if kind == "MT19937":
            seed_it = _seed if self._rng is np.random else self._rng.seed
            seed_it(seed if seed < 2**32 else [seed % 2**32, seed >> 32])
        else:
            fresh = np.random.RandomState(_bit_generator_type(self.name, kind)(seed))
            self._rng.set_state(fresh.get_state(legacy=False))

    @classmethod
    def pack(cls, native: NumpyState) -> Packed:
        state = _as_dict(native)
        return Packed(f"numpy.RandomState.{state['bit_generator']}", dict(_flatten(state)))

    def unpack(self, packed: Packed) -> NumpyState:
        native = _unpack(self.name, packed, self.pack(self.read()), _as_dict(self.read()))
        scratch = np.random.RandomState(_bit_generator_type(self.name, native["bit_generator"])())
        _trial(self.name, lambda: scratch.set_state(native))
        return native


class BitGeneratorSource(Source[NumpyState]):
    """A ``BitGenerator``, or the one inside a ``Generator``.

    What is captured: the state of the bit generator. What is not: how many children ``spawn`` has made, which NumPy
    does not let anyone set.
    """

    write_cannot_fail = True

    def __init__(self, name: str, bit_generator: np.random.BitGenerator) -> None:
        super().__init__(name)
        self._bit_generator = bit_generator
        try:
            type(bit_generator)(0)
        except Exception as error:
            kind = type(bit_generator).__qualname__
            raise DiscoveryError(name, f"a {kind}, which cannot be made from a seed: {error}") from error

    def read(self) -> NumpyState:
        return dict(self._bit_generator.state)

    def write(self, native: NumpyState) -> None:
        self._bit_generator.state = _as_dict(native)

    def seed(self, seed: int) -> None:
        self._bit_generator.state = type(self._bit_generator)(seed).state

    @classmethod
    def pack(cls, native: NumpyState) -> Packed:
        assert isinstance(native, dict)
        return Packed(f"numpy.{native['bit_generator']}", dict(_flatten(native)))

    def unpack(self, packed: Packed) -> NumpyState:
        now = self.read()
        assert isinstance(now, dict)
        native = _unpack(self.name, packed, self.pack(now), now)
        scratch = type(self._bit_generator)()
        _trial(self.name, lambda: setattr(scratch, "state", native))
        return native


def global_bit_generator() -> np.random.BitGenerator:
    """Return the bit generator under the legacy global functions; ``numpy.random.set_bit_generator`` changes it."""
    found: np.random.BitGenerator = np.random.get_bit_generator()  # type: ignore[attr-defined]  # not in NumPy's stubs
    return found


def _kind(native: NumpyState) -> str:
    return str(native["bit_generator"] if isinstance(native, dict) else native[0])


def _as_dict(native: NumpyState) -> dict[str, Any]:
    if isinstance(native, dict):
        return native
    kind, key, position, has_gauss, gauss = native
    state = {"key": key, "pos": position}
    return {"bit_generator": kind, "state": state, "has_gauss": has_gauss, "gauss": gauss}


def _bit_generator_type(name: str, kind: str) -> type[np.random.BitGenerator]:
    found = getattr(np.random, kind, None)
    if not (isinstance(found, type) and issubclass(found, np.random.BitGenerator)):
        raise DiscoveryError(name, f"a RandomState over {kind}, which is not one of NumPy's bit generators")
    return found


def _flatten(state: Mapping[str, Any], prefix: str = "") -> list[tuple[str, torch.Tensor]]:
    """Return a nested state as tensors with dotted names; integers (up to 128 bits) become ``uint64[2]``, low first."""
    fields: list[tuple[str, torch.Tensor]] = []
    for key, value in state.items():
        if isinstance(value, Mapping):
            fields += _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, np.ndarray):
            fields.append((prefix + key, torch.from_numpy(value.copy())))
        elif isinstance(value, float):
            fields.append((prefix + key, torch.tensor(value, dtype=torch.float64, device="cpu")))
        elif not isinstance(value, str):
            low, high = int(value) % 2**64, int(value) >> 64
            fields.append((prefix + key, torch.from_numpy(np.array([low, high], dtype=np.uint64))))
    return fields


def _unflatten(template: Mapping[str, Any], fields: Mapping[str, torch.Tensor], prefix: str = "") -> dict[str, Any]:
    state: dict[str, Any] = {}
    for key, value in template.items():
        if isinstance(value, Mapping):
            state[key] = _unflatten(value, fields, f"{prefix}{key}.")
        elif isinstance(value, str):
            state[key] = value
        elif isinstance(value, np.ndarray):
            state[key] = fields[prefix + key].numpy()
        elif isinstance(value, float):
            state[key] = float(fields[prefix + key])
        else:
            low, high = fields[prefix + key].numpy().tolist()
            state[key] = low | high << 64
    return state


def _unpack(name: str, packed: Packed, template: Packed, now: Mapping[str, Any]) -> dict[str, Any]:
    """Check a packed state against the one the generator is in now, which has the same names, dtypes and shapes."""
    expected = {key: Field(value.dtype, tuple(value.shape)) for key, value in template.fields.items()}
    fields = expect_fields(name, packed, template.kind, expected)
    problems = []
    for key, (low, high) in _LIMITS.items():
        if key in fields:
            words = fields[key].numpy().tolist()
            number = words[0] | words[1] << 64
            if not low <= number <= high:
                problems.append(Problem(f"{name}/{key}", str(number), f"{low} to {high}"))
    if template.kind.endswith("MT19937") and (problem := Twister(fields["state.key"].numpy(), 0).problem()):
        problems.append(Problem(f"{name}/state.key", problem, "a state of the Mersenne Twister"))
    if problems:
        raise StateError(problems)
    return _unflatten(now, fields)


def _trial(name: str, assign: Any) -> None:
    """Let NumPy's own checks see a state on a scratch generator before the real one is touched."""
    try:
        assign()
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise StateError([Problem(name, f"a state that NumPy refuses ({error})", "one it accepts")]) from error
