"""Level 3: every operation that torch carries out, what went in and what came out, and the line that asked for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, ClassVar, NamedTuple

import torch
from torch._subclasses import FakeTensor
from torch.autograd import _get_sequence_nr  # type: ignore[attr-defined]  # it comes from torch's C part
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes, _pop_mode, _push_mode
from xxhash import xxh3_128_digest

from samerun.tracing.dump import Dump, Wish
from samerun.tracing.fingerprint import tensor_digest
from samerun.tracing.lines import pause
from samerun.tracing.positions import generator_bytes
from samerun.tracing.sites import Stack, user_stack
from samerun.tracing.structure import ModuleCalls

__all__ = ["Op", "Operations"]

_PART = 8
# Autograd nodes whose origin is known at once; a step has some thousands.
_NODES = 1_000_000


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    Attributes:
        name: with its overload, such as ``aten.addmm.default``.
        digest: 16 bytes that stand for the outputs; for a view, which has the bits of its input, for how it looks at
            them; zeros where nothing was written to the output's memory yet.
        outputs: 8 bytes for every tensor that was made or written, in order; empty for a view.
        inputs: 8 bytes for every tensor that was read, as it was before.
        arguments: all arguments in words; ``T`` stands for a tensor.
        module: the path of the module being called; in the backward pass, of the one whose forward is being undone.
        stack: the user's lines. In the backward pass the innermost is that of ``backward()``, or a hook's.
        node: the autograd node that is being executed, such as ``AddmmBackward0``; ``None`` in the forward pass.
        forward: in the backward pass, the user's lines that made that node, if that was recorded.
        drew: the generator that the operation moved, such as ``torch.cpu``.
    """

    kind: ClassVar[str] = "op"

    name: str
    digest: bytes
    outputs: tuple[bytes, ...]
    inputs: tuple[bytes, ...]
    arguments: str
    module: str = ""
    stack: Stack = field(default_factory=Stack)
    node: str | None = None
    forward: Stack = field(default_factory=Stack)
    drew: str | None = None

    @classmethod
    def read(cls, name: str, digest: bytes, value: str, parts: bytes | None) -> Op:
        """Return the operation that was written as these.

        Raises:
            ValueError, KeyError, TypeError: if it was not.
        """
        told = json.loads(value)
        digests = tuple((parts or b"")[start : start + _PART] for start in range(0, len(parts or b""), _PART))
        outputs, inputs = digests[: told["outputs"]], digests[told["outputs"] :]
        stack, forward = Stack.of(told["stack"]), Stack.of(told["forward"])
        arguments, module, node, drew = (told[key] for key in ("arguments", "module", "node", "drew"))
        return cls(name, digest, outputs, inputs, arguments, module, stack, node, forward, drew)

    @property
    def value(self) -> str:
        """What is written beside the digest, as JSON."""
        return (
            f'{{"outputs":{len(self.outputs)},"arguments":{_json(self.arguments)},"module":{_json(self.module)},'
            f'"node":{_json(self.node)},"drew":{_json(self.drew)},"stack":{self.stack.json},'
            f'"forward":{self.forward.json}}}'
        )

    @property
    def parts(self) -> bytes:
        """The digests of the outputs and then of the inputs, as they are written."""
        return b"".join((*self.outputs, *self.inputs))


@lru_cache(maxsize=10_000)
def _json(text: str | None) -> str:
    return json.dumps(text)


class Operations(TorchDispatchMode):
    """Gives ``sink`` an :class:`Op` for every operation of this thread and of its backward passes, while entered.

    What is covered: what reaches torch's dispatcher, forward, backward and in optimizers. What is not: what
    NumPy and Python do; what ``torch.compile`` fused into kernels of its own; operations on tensors without values.

    The run is not changed: nothing is drawn and the inputs and outputs are only read. Where a library asks whether
    a mode is active, it may choose another way to the same result; whoever compares with a recording of level 1 sees
    that the bits are the same.

    Args:
        sink: called after each operation. What it does with torch is not recorded.
    """

    def __init__(self, sink: Callable[[Op], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sink = sink
        self._calls = ModuleCalls()
        self._made: dict[int, tuple[Stack, str]] = {}  # by autograd's sequence number
        self._dump = Dump.from_environment()

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Let torch.compile compile as if no mode were active."""
        return True

    def __enter__(self) -> Operations:
        self._calls.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        above = []  # modes that were entered meanwhile and go on
        while torch._C._len_torch_dispatch_stack() and (mode := _pop_mode()) is not self:
            above.append(mode)
        _push_mode(self)
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for mode in reversed(above):
            _push_mode(mode)
        self._calls.__exit__()
        self._made.clear()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        resume = pause()
        try:
            call = _Call(func, args, kwargs or {})
            if call.plan is None or FakeTensor in types:
                return func(*args, **call.kwargs)
            call.begin(self._dump)
            result = func(*args, **call.kwargs)
            if type(result) is not FakeTensor:
                self._sink(self._op(call, result, user_stack(sys._getframe(1))))
            return result
        finally:
            if resume is not None:
                resume()

    def _op(self, call: _Call, result: Any, stack: Stack) -> Op:
        assert call.plan is not None
        node, forward, module = self._origin(stack)
        digest, outputs = call.end(result, self._dump)
        return Op(call.plan.name, digest, outputs, call.inputs, call.words(), module, stack, node, forward, call.drew())

    def _origin(self, stack: Stack) -> tuple[str | None, Stack, str]:
        """Return the autograd node being executed, where it was made, and the module this belongs to."""
        node = torch._C._current_autograd_node()
        module = self._calls.path
        # A node takes its number just before the operation it is for is carried out.
        if torch.is_grad_enabled():
            if len(self._made) > _NODES:
                self._made.clear()
            self._made.setdefault(_get_sequence_nr() - 1, (stack, module))
        if node is None:
            return None, Stack(), module
        forward, made_in = self._made.get(node._sequence_nr(), (Stack(), ""))
        return node.name(), forward, module or made_in


class _Call:
    """One call of an operation: what it reads is digested before it, what it writes afterwards."""

    __slots__ = ("_before", "_generator", "_kept", "_text", "_wish", "args", "inputs", "kwargs", "plan")

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.plan = _plan(func)
        self.args = args
        self.kwargs = kwargs
        self.inputs: tuple[bytes, ...] = ()
        self._generator: torch.Generator | None = None
        self._before = b""
        self._text = ""
        self._wish: Wish | None = None
        self._kept: dict[str, torch.Tensor] = {}

    def begin(self, dump: Dump | None) -> None:
        assert self.plan is not None
        self.inputs = tuple([tensor_digest(tensor)[:_PART] for tensor in self.plan.read(self.args, self.kwargs)])
        if self.plan.random and (generator := _generator(self.args, self.kwargs)) is not None:
            self._generator, self._before = generator, generator_bytes(generator)
        if dump is not None and (wish := dump.wish(self.plan.name, self.inputs)) is not None:
            self._wish = wish
            with torch.no_grad(), _disable_current_modes():  # they may be written to
                read = [tensor.detach().clone() for tensor in self.plan.read(self.args, self.kwargs)]
            self._kept = {f"input {place}": tensor for place, tensor in enumerate(read)}

    def end(self, result: Any, dump: Dump | None) -> tuple[bytes, tuple[bytes, ...]]:
        """Return the digest of what was made, and those of its parts."""
        assert self.plan is not None
        if self.plan.blank:
            return bytes(16), ()
        written = list(self.plan.written(self.args, self.kwargs, result))
        digests = [tensor_digest(tensor) for tensor in written]
        whole = b"".join(digests) or f"{self.words()} {_looks(result)}".encode()
        digest = digests[0] if len(digests) == 1 else xxh3_128_digest(whole)
        if dump is not None and self._wish is not None and self._wish.digest == digest:
            dump.keep(self._wish, {**self._kept, **{f"output {n}": tensor for n, tensor in enumerate(written)}})
        return digest, tuple([found[:_PART] for found in digests])

    def words(self) -> str:
        """Return the arguments in words."""
        if not self._text:
            named = [f"{name}={_words(value)}" for name, value in self.kwargs.items()]
            self._text = ", ".join([*map(_words, self.args), *named])
        return self._text

    def drew(self) -> str | None:
        """Return the generator that moved since the beginning."""
        generator = self._generator
        return None if generator is None or generator_bytes(generator) == self._before else _name(generator)


class _Plan(NamedTuple):
    """What an operation reads and writes, by its schema.

    Attributes:
        name: for :attr:`Op.name`.
        unread: positions and names of the arguments that are written without having been read.
        changed: positions and names of the arguments that are written and not returned.
        returns: whether what is returned is new, or an argument that was written; not so for a view.
        blank: whether the output is memory that nothing was written to.
        random: whether it may draw.
    """

    name: str
    unread: frozenset[int | str]
    changed: tuple[int | str, ...]
    returns: bool
    blank: bool
    random: bool

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
        if (self.returns or self.changed) and not self.blank:  # no values of theirs are looked at otherwise
            for place, value in (*enumerate(args), *kwargs.items()):
                if place not in self.unread:
                    yield from _tensors(value)

    def written(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Iterator[torch.Tensor]:
        if self.returns and not self.blank:
            yield from _tensors(result)
        for place in self.changed:
            found = kwargs.get(place) if isinstance(place, str) else args[place] if place < len(args) else None
            yield from _tensors(found)


# Operations that fill their first argument, whatever it held.
_FILLS = frozenset(
    "fill_ zero_ copy_ normal_ uniform_ random_ bernoulli_ exponential_ geometric_ log_normal_ cauchy_".split()
)
# Operations that give memory as it is.
_BLANK = frozenset("empty empty_like empty_strided empty_permuted new_empty new_empty_strided resize_".split())
# Views by their schema, through which values come into torch.
_ENTRANCES = frozenset({"lift_fresh"})
# Their running statistics are written although their schemas do not say so.
_NORMS = frozenset({"native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "batch_norm"})


@cache
def _plan(func: Any) -> _Plan | None:
    """Return what an operation reads and writes; ``None`` for one that only takes notes, such as the profiler's."""
    schema, base = func._schema, func._schema.name.rpartition("::")[2]
    if schema.name.startswith("profiler::"):
        return None
    places = [argument.name if argument.kwarg_only else place for place, argument in enumerate(schema.arguments)]
    arguments = list(zip(places, schema.arguments, strict=True))
    written = [place for place, argument in arguments if argument.alias_info and argument.alias_info.is_write]
    returned = [found.alias_info for found in schema.returns]
    unread = {place for place in written if isinstance(place, str)} | ({0} if base in _FILLS else set())
    changed = written if not any(alias and alias.is_write for alias in returned) else []
    if base in _NORMS:
        changed = [place for place, argument in arguments if argument.name in ("running_mean", "running_var")]
    return _Plan(
        str(func),
        frozenset(unread),
        tuple(changed),
        base in _ENTRANCES or any(alias is None or alias.is_write for alias in returned),
        base in _BLANK,
        torch.Tag.nondeterministic_seeded in func.tags,
    )


def _tensors(value: Any) -> Iterable[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return (value,)
    return [item for item in value if isinstance(item, torch.Tensor)] if isinstance(value, list | tuple) else ()


def _words(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "T"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_words, value))}]"
    return _name(value) if isinstance(value, torch.Generator) else str(value)


def _looks(result: Any) -> str:
    """Return a result without bits of its own in words: the shapes of views, or a number."""
    tensors = _tensors(result)
    return str([list(tensor.shape) for tensor in tensors]) if tensors else _words(result)


def _generator(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Generator | None:
    """Return the generator that a random operation is given, or the default one of its device."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Generator):
            return value
    devices = (tensor.device for value in args for tensor in _tensors(value))
    return _default(torch.device(kwargs.get("device") or next(devices, "cpu")))


def _default(device: torch.device) -> torch.Generator | None:
    if device.type == "cpu":
        return torch.default_generator
    generators = getattr(getattr(torch, device.type, None), "default_generators", ())
    index: int | None = device.index
    place = torch.get_device_module(device.type).current_device() if index is None else index
    return generators[place] if place < len(generators) else None


def _name(generator: torch.Generator) -> str:
    device = generator.device
    name = "torch.cpu" if device.type == "cpu" else f"torch.{device}"
    return name if generator is _default(device) else f"a generator of its own on {device}"
