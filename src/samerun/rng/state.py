"""The states of many sources at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import xxhash

from samerun.errors import Problem, RegistryError, StateError
from samerun.rng.compare import DRAWS_BOUND, StateDiff, compare
from samerun.rng.source import Packed, Source
from samerun.state import fingerprint

__all__ = ["RngState"]

_VERSION = 1


class RngState:
    """The states of RNG sources at one moment: comparable, saved without pickle, and not changed by later draws.

    ``state_dict()`` is a flat dict of small dense tensors, so it passes through ``torch.save`` and
    ``torch.load(weights_only=True)``, ``safetensors.torch.save_file`` and ``torch.distributed.checkpoint`` as it
    is. The last reads in place and wants a template: load into a fresh ``capture()`` of the same sources. It also
    takes keys that several ranks share for one replicated value, so put each rank's state under a key of its own
    (``{f"rng.{rank}": state}``).

    >>> import random
    >>> from samerun.rng import capture
    >>> before = capture()
    >>> number = random.random()
    >>> print(before.diff(capture()))
    numpy      same
    python     2 draws ahead
    torch.cpu  same
    """

    def __init__(self) -> None:
        # A state read in this process is kept as its library gave it, which makes capture and restore cheap;
        # one that was loaded is kept as tensors until the source it belongs to checks them.
        self._live: dict[str, tuple[Source[Any], object]] = {}
        self._packed: dict[str, Packed] = {}

    @classmethod
    def read(cls, sources: Iterable[Source[Any]]) -> RngState:
        """Read the given sources. Draws nothing."""
        state = cls()
        state._live = {source.name: (source, source.read()) for source in sources}
        return state

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sources, sorted."""
        return tuple(sorted(self._live or self._packed))

    def __contains__(self, name: object) -> bool:
        return name in self._live or name in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._live or self._packed)

    def __len__(self) -> int:
        return len(self._live or self._packed)

    def packed(self, name: str) -> Packed:
        """Return the state of one source as tensors. Raises ``KeyError`` for an unknown name."""
        if name in self._packed:
            return self._packed[name]
        source, native = self._live[name]
        return source.pack(native)

    def write_back(self) -> None:
        """Write every state that was read in this process to the generator it was read from, each even if one fails."""
        failed: BaseException | None = None
        for source, native in self._live.values():
            try:
                source.write(native)
            except BaseException as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def native_for(self, source: Source[Any]) -> object:
        """Return this state's value for a live source, checked and ready to be written.

        Raises:
            StateError: if it is not a state the source can be in.
        """
        reader, native = self._live.get(source.name, (None, None))
        if reader is source and source.fits(native):
            return native  # it was read from this very generator
        return source.unpack(self.packed(source.name))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return dense CPU tensors, all of them copies, by name.

        ``version``: ``int64[]``; ``sources``: ``uint8[16]``, which stands for the names of the sources, so that a state
        of which only a part was read is noticed; ``<source>/<kind>/<field>``: the rest.
        """
        tensors = {"version": torch.tensor(_VERSION, device="cpu"), "sources": _digest(self.names)}
        for name in self.names:
            packed = self.packed(name)
            for field, tensor in packed.fields.items():
                if "/" in packed.kind or "/" in field:
                    raise RegistryError(name, f"uses '/' in its kind {packed.kind!r} or field {field!r}; it parts keys")
                tensors[f"{name}/{packed.kind}/{field}"] = tensor.clone()
        return tensors

    def load_state_dict(self, state_dict: Mapping[str, object]) -> None:
        """Replace the content by what ``state_dict()`` gave, here or in another process.

        The values of each source are checked by :func:`restore`, which knows the generator they are for.

        Raises:
            StateError: for another version, a key of another form, a value that is not a tensor, or other sources
                than were saved.
        """
        problems = []
        version = state_dict.get("version")
        if not (isinstance(version, torch.Tensor) and version.numel() == 1 and version.item() == _VERSION):
            found = str(version.tolist()) if isinstance(version, torch.Tensor) else repr(version)
            problems.append(Problem("version", found, str(_VERSION), "load it with the samerun that saved it"))
        packed: dict[str, Packed] = {}
        for key, value in state_dict.items():
            if key in ("version", "sources"):
                continue
            name, kind, field = ["", "", *str(key).rsplit("/", 2)][-3:]
            if not name or not isinstance(value, torch.Tensor):
                found = type(value).__name__ if name else "a key of another form"
                problems.append(Problem(repr(key), found, "a tensor under '<source>/<kind>/<field>'"))
            elif packed.setdefault(name, Packed(kind, {})).kind != kind:
                problems.append(Problem(repr(key), f"kind {kind!r}", f"{packed[name].kind!r} as in other fields"))
            else:
                packed[name].fields[field] = value.detach().cpu().clone() if not value.is_meta else value
        saved = state_dict.get("sources")
        if not (isinstance(saved, torch.Tensor) and torch.equal(saved.cpu(), _digest(packed))):
            found = f"other sources than were saved ({', '.join(sorted(packed)) or 'none'})"
            advice = "with torch.distributed.checkpoint, load into a capture() made once all devices are initialised"
            problems.append(Problem("sources", found, "all of them and no others", advice))
        if problems:
            raise StateError(problems)
        self._live, self._packed = {}, packed

    def fingerprint(self) -> dict[str, str]:
        """Return the xxh3-128 of every source's exact bits, as 32 hexadecimal digits, by source name."""
        return {name: fingerprint({self.packed(name).kind: dict(self.packed(name).fields)}) for name in self.names}

    def diff(self, other: RngState, *, bound: int = DRAWS_BOUND) -> StateDiff:
        """Compare with a later (or any other) state: which sources differ, and how far ``other`` is ahead.

        Args:
            other: the state to compare with.
            bound: how many draws to search in each direction, where the distance has to be searched for.
        """
        ours = {name: self.packed(name) for name in self.names}
        return compare(ours, {name: other.packed(name) for name in other.names}, bound)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RngState):
            return NotImplemented
        return self.fingerprint() == other.fingerprint()

    # Copies and other processes get plain arrays, which refer to no generator of this process. Arrays, because torch
    # cannot pickle its unsigned tensors outside torch.save.
    def __getstate__(self) -> dict[str, np.ndarray]:
        return {key: tensor.numpy() for key, tensor in self.state_dict().items()}

    def __setstate__(self, state: dict[str, np.ndarray]) -> None:
        self.load_state_dict({key: torch.from_numpy(array.copy()) for key, array in state.items()})

    __hash__ = None  # type: ignore[assignment]  # load_state_dict changes it

    def __repr__(self) -> str:
        if not self.names:
            return "RngState(empty)"
        width = max(map(len, self.names))
        rows = [f"  {name:<{width}}  {digest[:12]}" for name, digest in self.fingerprint().items()]
        return "\n".join(["RngState(", *rows, ")"])


def _digest(names: Iterable[str]) -> torch.Tensor:
    digest = xxhash.xxh3_128_digest("\n".join(sorted(names)).encode("utf-8", "surrogatepass"))
    return torch.from_numpy(np.frombuffer(digest, np.uint8).copy())
