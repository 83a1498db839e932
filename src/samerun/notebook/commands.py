"""What ``%rng`` can be asked for: one function for each word that may follow, in a table."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from samerun.errors import NotebookError
from samerun.notebook.overview import journal_table, sources_table
from samerun.notebook.recorder import ISOLATE, Recorder
from samerun.notebook.rewind import rewind
from samerun.notebook.streams import Guard
from samerun.notebook.view import Table
from samerun.rng.ownership import Owner, stack

__all__ = ["COMMANDS", "Command", "isolate", "lift_guard", "stream"]

#: Takes the recorder and the rest of the line; what it returns is shown.
Command = Callable[[Recorder, str], "Table | str | None"]


class _Parser(ArgumentParser):
    """A parser whose errors are the cell's, and which never ends the process."""

    def error(self, message: str) -> NoReturn:
        raise NotebookError(self.prog, f"{message}; {self.format_usage().strip()}")


def _words(parser: ArgumentParser, line: str) -> Namespace:
    """Return the arguments in a line.

    Raises:
        NotebookError: if they are not those that are expected.
    """
    try:
        return parser.parse_args(shlex.split(line, comments=True))
    except ValueError as error:  # an open quote
        raise NotebookError(parser.prog, f"{error} in {line!r}") from error


def isolate(recorder: Recorder, line: str) -> None:
    """Let the running cell leave no trace: when it ends, every generator is put back."""
    _no_words("%%isolate", line)
    recorder.enter(ISOLATE, Owner(ISOLATE), keeps=False)


def stream(recorder: Recorder, line: str) -> None:
    """Let the running cell draw from a stream of its own."""
    name, seed = _stream_words(line)
    if name == ISOLATE:
        raise NotebookError("%%stream", f"{ISOLATE!r} cannot be the name of a stream; it is what %%isolate is for")
    recorder.enter(name, recorder.streams.get(name, seed))


def _sources(recorder: Recorder, line: str) -> Table:
    _no_words("%rng", line)
    return sources_table(recorder)


def _journal(recorder: Recorder, line: str) -> Table | str:
    parser = _parser("%rng journal")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--file", nargs="?", const="", metavar="PATH")
    parser.add_argument("--no-file", action="store_true")
    found = _words(parser, line)
    if found.no_file:
        recorder.journal.close()
        return "the journal is kept in memory only"
    if found.file is not None and recorder.checked:
        return "the journal is not kept in a file while the notebook is checked"
    if found.file is not None:
        path = Path(found.file).expanduser().absolute() if found.file else _beside_notebook(recorder.namespace)
        earlier = recorder.journal.keep_in(path)
        return f"the journal is kept in {path}{f', where {earlier} earlier cells were found' if earlier else ''}"
    return journal_table(recorder.journal, None if found.all else 20)


def _rewind(recorder: Recorder, line: str) -> str:
    cell, _, option = line.strip().partition(" --")
    if option not in ("", "partial"):
        raise NotebookError(
            "%rng rewind", f"found --{option}, expected %rng rewind In[12] or #34, and --partial or nothing"
        )
    entry = recorder.journal.find(cell)
    later = rewind(recorder, entry, partial=option == "partial")
    stays = f"; {', '.join(later)} came later and stay as they are" if later else ""
    return f"the generators are as they were before {entry.name}: {entry.title}{stays}"


def _guard(recorder: Recorder, line: str) -> str:
    parser = _parser("%rng guard")
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--error", action="store_true")
    parser.add_argument("--off", action="store_true")
    found = _words(parser, line)
    if found.off:
        return lift_guard(recorder)
    if found.name is None:
        guard = recorder.guard
        return "nothing is guarded" if guard is None else _guarded(guard)
    return _guarded(raise_guard(recorder, found.name, strict=found.error))


def _watch(recorder: Recorder, line: str) -> str:
    expression = line.strip()
    if expression:
        names = recorder.watches.add(expression, recorder.namespace)
        return f"watched like the global generators: {', '.join(names)}"
    return f"watched: {', '.join(recorder.watches.sources) or 'nothing'}"


def _unwatch(recorder: Recorder, line: str) -> str:
    if not line.strip():
        raise NotebookError("%rng unwatch", "expected an expression that is watched; %rng watch shows them")
    before = recorder.watches.sources.keys()
    recorder.watches.remove(line.strip())
    recorder.streams.forget_sources(before - recorder.watches.sources.keys())
    return f"not watched any more: {line.strip()}"


def raise_guard(recorder: Recorder, name: str, *, strict: bool) -> Guard:
    """Protect a stream; one that there is not yet begins from the generators as they are.

    Raises:
        NotebookError: if another stream is guarded, or inside a stream or a block.
    """
    if recorder.guard is not None and recorder.guard.name != name:
        raise NotebookError("%rng guard", f"{recorder.guard.name!r} is guarded; %rng guard --off first")
    if stack.is_isolated(None):
        raise NotebookError("%rng guard", "the generators are a stream's now; guard in a cell of its own")
    if name not in recorder.streams:
        recorder.streams.adopt(name, recorder.sources().values())
    recorder.guard = Guard(name, strict)
    recorder.note(f"guard {name}")
    return recorder.guard


def lift_guard(recorder: Recorder) -> str:
    """End the guard. If the stream was begun by it, the generators go on where the stream is."""
    guard = recorder.guard
    if guard is None:
        return "nothing is guarded"
    if guard.name in recorder.streams and recorder.streams.is_adopted(guard.name):
        if stack.is_isolated(None):
            raise NotebookError("%rng guard", "the generators are a stream's now; lift the guard in a cell of its own")
        recorder.streams.give_back(guard.name, recorder.sources())
    recorder.guard = None
    recorder.note(f"guard {guard.name} ended")
    return f"{guard.name!r} is not guarded any more"


def _guarded(guard: Guard) -> str:
    others = "fail" if guard.strict else "draw from a sequence of their own"
    return (
        f'{guard.name!r} is guarded: cells marked with the comment "# samerun: {guard.name}" or with %%stream'
        f" {guard.name} go on in it, all others {others}"
    )


def _beside_notebook(namespace: dict[str, Any]) -> Path:
    """Return the journal's place beside the notebook."""
    # VS Code names it in a variable, Jupyter's server in the environment.
    found = namespace.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if not found:
        reason = "the kernel does not know the notebook's name here; give a file: %rng journal --file NAME"
        raise NotebookError("%rng journal", reason)
    path = Path(str(found))
    return path.absolute().with_name(f"{path.stem}.rng-journal")


@lru_cache  # taking a line apart takes as long as reading all generators
def _stream_words(line: str) -> tuple[str, int | None]:
    parser = _parser("%%stream")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--seed", type=int)
    found = _words(parser, line)
    return found.name, found.seed


def _no_words(name: str, line: str) -> None:
    if found := line.partition("#")[0].strip():
        raise NotebookError(name, f"found {found!r}, expected nothing behind it")


def _parser(name: str) -> _Parser:
    return _Parser(prog=name, add_help=False, allow_abbrev=False)


COMMANDS: dict[str, Command] = {
    "": _sources,
    "journal": _journal,
    "rewind": _rewind,
    "guard": _guard,
    "watch": _watch,
    "unwatch": _unwatch,
}
