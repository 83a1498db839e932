"""What an RNG source is: one generator that can be read, written and seeded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch

from samerun.errors import Problem, StateError
from samerun.state import fingerprint

__all__ = ["Family", "Field", "Packed", "Source", "expect_fields"]

Native = TypeVar("Native")


@dataclass(frozen=True, slots=True)
class Packed:
    """The state of one source as tensors.

    Attributes:
        kind: what the fields mean, such as ``"torch.mt19937"``. A state of one kind is refused by a source of another.
        fields: dense CPU tensors by name. Names, dtypes and shapes depend on the kind alone, never on the
            values, so that one state can be read in place over another (as distributed checkpoints do).
    """

    kind: str
    fields: dict[str, torch.Tensor]


class Source(ABC, Generic[Native]):
    """One random number generator: a name, and how to read, write, seed, pack and check its state.

    ``Native`` is whatever the generator's own library gives as its state. It must be an independent copy: later
    draws do not change it, and writing it back does not consume it.

    Another package joins by subclassing this and naming a function that returns its sources under the
    entry-point group ``samerun.rng_sources``.
    """

    #: ``write`` of a state that ``unpack`` let through cannot fail, so there is nothing to roll back.
    write_cannot_fail: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def read(self) -> Native:
        """Return the state, without drawing and without any other effect."""

    @abstractmethod
    def write(self, native: Native) -> None:
        """Set the state to one that ``read`` or ``unpack`` gave."""

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Seed the generator; ``seed`` is in ``[0, 2**64)``, and below ``2**32`` means what the library means by it."""

    @classmethod
    @abstractmethod
    def pack(cls, native: Native) -> Packed:
        """Turn a state into fresh tensors that share no memory with it."""

    @abstractmethod
    def unpack(self, packed: Packed) -> Native:
        """Check tensors that may come from anywhere and turn them into a state.

        Raises:
            StateError: if they are not a state that this very generator can be in. Nothing has been changed.
        """

    def fits(self, native: Native) -> bool:
        """Return whether a state read from this generator earlier is still of the kind it takes. Must be cheap."""
        return True

    def same(self, first: Native, second: Native) -> bool:
        """Return whether two states that ``read`` gave are the same, bit for bit."""
        return fingerprint(dict(self.pack(first).fields)) == fingerprint(dict(self.pack(second).fields))

    def rewind(self) -> bool:
        """Put the generator back to where it began, if that is known; return whether it was."""
        return False


class Family:
    """Sources that come and go together, such as the generators of all CUDA devices.

    Attributes:
        name: for messages.
        sources: returns those that exist now. Looking never initialises a device or imports a library.
    """

    def __init__(self, name: str, sources: Callable[[], Iterable[Source[Any]]]) -> None:
        self.name = name
        self.sources = sources

    def seed_later(self, seed_of: Callable[[str], int]) -> list[str]:
        """Arrange that sources which do not exist yet begin with their seed; return their names."""
        return []

    def wake(self, names: Iterable[str]) -> None:
        """Bring sources of these names into existence if they are this family's and can be had here."""

    def pending(self) -> object:
        """Return what sources that do not exist yet would begin with."""
        return None

    def put_back(self, pending: object) -> None:
        """Let sources begin with what :meth:`pending` gave, those that exist by now too."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a tensor of a packed state must look like; ``low`` and ``high`` bound its values where given."""

    dtype: torch.dtype
    shape: tuple[int, ...] = ()
    low: int | None = None
    high: int | None = None

    def problem(self, where: str, value: object) -> Problem | None:
        """Return what is wrong with a value, or ``None``."""
        expected = f"{self.dtype}{list(self.shape)}"
        if not isinstance(value, torch.Tensor):
            return Problem(where, type(value).__name__, expected)
        if value.is_meta or value.layout is not torch.strided:
            return Problem(where, f"a {value.layout} tensor on {value.device}", "a dense tensor with values")
        if value.dtype != self.dtype or tuple(value.shape) != self.shape:
            return Problem(where, f"{value.dtype}{list(value.shape)}", expected)
        if self.low is not None and self.high is not None:
            number = value.item()
            if not self.low <= number <= self.high:
                return Problem(where, str(number), f"{self.low} to {self.high}")
        if value.dtype.is_floating_point and not bool(torch.isfinite(value).all()):
            return Problem(where, "a value that is not finite", "finite values")
        return None


def expect_fields(name: str, packed: Packed, kind: str, fields: Mapping[str, Field]) -> dict[str, torch.Tensor]:
    """Return independent copies of a packed state's tensors once kind, names, dtypes, shapes and ranges are right.

    Copies, because generators read a tensor from the start of its storage: a slice would be read wrongly.

    Raises:
        StateError: naming everything that is not as expected.
    """
    if packed.kind != kind:
        raise StateError([Problem(name, f"a state of kind {packed.kind!r}", f"{kind!r}")])
    problems = []
    for field_name, expected in fields.items():
        if field_name not in packed.fields:
            problems.append(Problem(f"{name}/{field_name}", "nothing", f"{expected.dtype}{list(expected.shape)}"))
        elif problem := expected.problem(f"{name}/{field_name}", packed.fields[field_name]):
            problems.append(problem)
    problems += [
        Problem(f"{name}/{extra}", "a field", f"only {', '.join(fields)}")
        for extra in packed.fields.keys() - fields.keys()
    ]
    if problems:
        raise StateError(problems)
    return {field_name: packed.fields[field_name].detach().cpu().clone().contiguous() for field_name in fields}
