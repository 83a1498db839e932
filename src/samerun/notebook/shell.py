"""What the extension puts into IPython's shell: event callbacks, an input transformer and three magics."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import no_var_expand

from samerun.errors import NotebookError
from samerun.notebook import commands
from samerun.notebook.commands import COMMANDS
from samerun.notebook.marks import marked
from samerun.notebook.recorder import Recorder
from samerun.notebook.view import Table

__all__ = ["Installed"]


class Installed:
    """The extension in one shell, from its loading to :meth:`remove`."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self.recorder = Recorder(shell, _say)
        self._magics: dict[str, dict[str, Any]] = {"cell": {"isolate": self.isolate, "stream": self.stream}}
        self._magics["line"] = {**self._magics["cell"], "rng": self.rng}
        self._replaced: dict[str, dict[str, Any]] = {"line": {}, "cell": {}}
        self._put()

    def remove(self) -> None:
        """Leave what is entered, end the guard, and take everything out; what had its names before has them again."""
        self.recorder.leave_all()
        try:
            commands.lift_guard(self.recorder)
        finally:
            self.recorder.journal.close()
            self._take()

    @no_var_expand
    def isolate(self, line: str, cell: str | None = None) -> None:
        """Let a cell leave no trace: ``%%isolate``.

        Whatever the cell draws or seeds, when it ends every generator is as it was before, the watched ones too. It
        begins from the states of the moment.
        """
        self._until_end(commands.isolate, "isolate", line, cell)

    @no_var_expand
    def stream(self, line: str, cell: str | None = None) -> None:
        """Let a cell draw from a stream of its own: ``%%stream NAME [--seed SEED]``.

        The stream goes on where its last cell stopped, whatever other cells drew, and leaves no trace in theirs. It
        begins from SEED, 0 to 2**64 - 1, or from 0.
        """
        self._until_end(commands.stream, "stream", line, cell)

    @no_var_expand
    def rng(self, line: str) -> Table | None:
        """Show and set the notebook's random generators.

        ``%rng``: every source, its draws since it was seeded, the cell that drew last
        ``%rng journal [--all] [--file [PATH]] [--no-file]``: what each cell drew; keep it in a file
        ``%rng rewind In[12] [--partial]``: the generators as they were before that cell
        ``%rng guard [NAME] [--error] [--off]``: protect a training from cells not marked with ``# samerun: NAME``
        ``%rng watch [EXPRESSION]``, ``%rng unwatch EXPRESSION``: treat the generators in an object like the global ones
        """
        word, _, rest = line.strip().partition(" ")
        if word not in COMMANDS:
            expected = ", ".join(filter(None, COMMANDS))
            raise NotebookError("%rng", f"found {word!r}, expected nothing or one of {expected}")
        answer = COMMANDS[word](self.recorder, rest)
        if not isinstance(answer, str):
            return answer
        sys.stdout.write(f"{answer}\n")
        return None

    def _until_end(self, begin: Callable[[Recorder, str], None], name: str, line: str, cell: str | None) -> None:
        if cell is None:
            begin(self.recorder, line)
        else:  # called by code, or below another magic; a cell's own first line never comes here
            self._shell.run_cell(f"%{name} {line}\n{cell}").raise_error()  # type: ignore[no-untyped-call]  # IPython's own

    def _put(self) -> None:
        for event, handler in self.recorder.events().items():
            self._shell.events.register(event, handler)
        self._shell.input_transformers_cleanup.append(marked)
        for kind, magics in self._magics.items():
            table = self._shell.magics_manager.magics[kind]
            self._replaced[kind] = {name: table[name] for name in magics if name in table}
            table.update(magics)

    def _take(self) -> None:
        for event, handler in self.recorder.events().items():
            self._shell.events.unregister(event, handler)
        self._shell.input_transformers_cleanup.remove(marked)
        for kind, magics in self._magics.items():
            table = self._shell.magics_manager.magics[kind]
            for name, magic in magics.items():
                if table.get(name) == magic:
                    del table[name]
            table.update(self._replaced[kind])


def _say(text: str) -> None:
    sys.stderr.write(f"samerun: {text}\n")
