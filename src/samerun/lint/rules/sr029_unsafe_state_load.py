"""The state of a generator is loaded with ``weights_only=False``, which runs code that the file holds.

What it does:
    Finds ``torch.load(..., weights_only=False)`` where what is loaded is given to a generator, is asked for the state
    of one, or is the checkpoint that the file puts together with one.

Why it is bad:
    Without ``weights_only`` a file is unpickled, and a pickle calls whatever it names: a checkpoint from somebody else
    can do all that you can. States of generators are a few numbers and need none of it: torch's and Python's load with
    ``weights_only=True`` as they are. It is NumPy's, which has an array in it, that is refused, and loads as a tensor.

Example:
    ::

        checkpoint = torch.load(path, weights_only=False)
        np.random.set_state(checkpoint["numpy"])

Experiment:
    A file that looks like a checkpoint, and one with the states of all generators::

        import io

        import torch

        import samerun


        class State:
            def __reduce__(self):
                return print, ("code from the file is run",)


        def load(state, weights_only):
            file = io.BytesIO()
            torch.save({"rng": state}, file)
            file.seek(0)
            return torch.load(file, weights_only=weights_only)


        load(State(), weights_only=False)
        try:
            load(State(), weights_only=True)
        except Exception as error:
            print("refused:", type(error).__name__)
        samerun.restore(load(samerun.capture().state_dict(), weights_only=True)["rng"])
        print("all generators restored")

    It prints::

        code from the file is run
        refused: UnpicklingError
        all generators restored

Use instead:
    States that are tensors, of Python's and NumPy's generators, too::

        torch.save({"model": model.state_dict(), "rng": samerun.capture().state_dict()}, path)
        ...
        checkpoint = torch.load(path, weights_only=True)
        samerun.restore(checkpoint["rng"])

When to silence:
    When the files are your own, and nobody else can write where they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.checkpoints import tells_of_generators
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import FUNCTIONS, is_constant, text_of

__all__ = ["RULE"]

_SETTERS = ("setstate", "set_state", "set_rng_state")
_MESSAGE = (
    "torch.load(weights_only=False) runs code that the file holds, to load states of generators; those of "
    "samerun.capture().state_dict() load with weights_only=True"
)


def _check(file: File) -> Iterable[Finding]:
    unsafe = [call for call in file.calls("torch.load") if _is_unsafe(file, call)]
    if not unsafe:
        return
    restoring = list(_restoring(file))
    held = {key for one in file.checkpoints.written if _holds_generators(one.keys) for key in one.keys}
    for call in unsafe:
        if any(node is call for given in restoring for node in ast.walk(given)):
            yield Finding(RULE.code, _MESSAGE, file.range(call))
            continue
        uses = list(_uses(file, call))
        given = any(use in ast.walk(node) for node in restoring for use in uses)
        keys = {key for use in uses for key in _keys(file, use)}
        if given or _holds_generators(keys) or len(keys & held) > 1:
            yield Finding(RULE.code, _MESSAGE, file.range(call))


def _is_unsafe(file: File, call: ast.Call) -> bool:
    value = file.argument(call, "weights_only")
    return is_constant(value, False)


def _restoring(file: File) -> Iterator[ast.expr]:
    """Yield what generators are set to."""
    for call in file.nodes(ast.Call):
        if _restores(file, call):
            yield from call.args
    for node in file.nodes(ast.Assign):
        target = node.targets[0]
        owner = target.value if isinstance(target, ast.Attribute) and target.attr == "state" else None
        if isinstance(owner, ast.Attribute) and owner.attr == "bit_generator":
            yield node.value


def _restores(file: File, call: ast.Call) -> bool:
    if file.resolve(call.func) is None:
        return isinstance(call.func, ast.Attribute) and call.func.attr in _SETTERS
    what = file.act(call)
    return what is not None and what.kind == "restore"


def _uses(file: File, call: ast.Call) -> Iterator[ast.Name]:
    """Yield where the name that is given to what is loaded is used in the same function."""
    around = file.parent(call)
    target = around.targets[0] if isinstance(around, ast.Assign) else None
    if isinstance(target, ast.Name):
        function = file.enclosing(call, *FUNCTIONS)
        for node in file.named(target.id):
            if file.enclosing(node, *FUNCTIONS) is function:
                yield node


def _keys(file: File, use: ast.Name) -> Iterator[str]:
    """Yield the texts that a dictionary is asked for."""
    around = file.parent(use)
    asked: ast.AST | None = None
    if isinstance(around, ast.Subscript):
        asked = around.slice
    elif isinstance(around, ast.Compare):
        asked = around.left
    elif isinstance(around, ast.Attribute) and around.attr in ("get", "pop"):
        call = file.parent(around)
        asked = call.args[0] if isinstance(call, ast.Call) and call.args else None
    text = text_of(asked)
    if text is not None:
        yield text


def _holds_generators(keys: Iterable[str]) -> bool:
    return any(tells_of_generators(key) for key in keys)


RULE = Rule("SR029", "unsafe-state-load", "states of generators are loaded in a way that runs code", _check)
