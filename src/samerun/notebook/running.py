"""Running a notebook in a fresh kernel that keeps a journal, its cells in any order."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from samerun.errors import NotebookError
from samerun.notebook.draws import Span
from samerun.notebook.entry import Entry
from samerun.notebook.file import JournalFile
from samerun.notebook.outputs import Output, comparable
from samerun.rng.source import Packed
from samerun.state import fingerprint

__all__ = ["CellRun", "Notebook", "read_notebook"]

#: A cell with this tag may print what it likes; its draws are compared all the same.
IGNORE_TAG = "samerun-ignore-output"

# How much of what the kernel's process said is shown when it dies, in characters.
_LOGGED = 500

# The quiet log hides what ipykernel says about its transport.
_ARGUMENTS = ["--IPKernelApp.log_level=40"]


@dataclass(frozen=True, slots=True)
class CellRun:
    """What one cell did in one run.

    Attributes:
        outputs: in the form that is compared.
        draws: for each source that moved, by sequence and name, the fingerprints before and after; of one that it set,
            after only.
        spans: the states, for counting.
    """

    outputs: tuple[Output, ...]
    draws: Mapping[str, tuple[str, str]]
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Notebook:
    """A notebook file as it was read; cells are numbered from 1 and only those with code count.

    Attributes:
        path: of the file.
        node: the whole of it.
        places: where in the file each cell is.
    """

    path: Path
    node: NotebookNode
    places: tuple[int, ...]

    @property
    def cells(self) -> range:
        """The numbers of the cells, from top to bottom."""
        return range(1, len(self.places) + 1)

    def cell(self, number: int) -> NotebookNode:
        """Return a cell by its number."""
        found: NotebookNode = self.node.cells[self.places[number - 1]]
        return found

    def count(self, number: int) -> int | None:
        """Return the recorded number of an execution, ``In[...]``."""
        found = self.cell(number).get("execution_count")
        return int(found) if found else None

    def recorded(self) -> list[int]:
        """Return the cells that were executed when the notebook was saved, in that order."""
        counted = [(count, number) for number in self.cells if (count := self.count(number)) is not None]
        return [number for _, number in sorted(counted)]

    def run(
        self,
        order: Sequence[int],
        *,
        kernel: str | None = None,
        timeout: int | None = None,
        advance: Callable[[], object] = lambda: None,
    ) -> dict[int, CellRun]:
        """Run cells in a fresh kernel in the notebook's directory; return what each did, by number.

        Args:
            order: the numbers of the cells.
            kernel: the name of a Jupyter kernel; ``None`` for the notebook's own.
            timeout: seconds that a cell may take.
            advance: called after each cell.

        Raises:
            NotebookError: if there is no such kernel, it cannot load samerun, it dies, a cell takes too long, or one
                fails that is not tagged ``raises-exception``.
        """
        node = copy.deepcopy(self.node)
        own = node.metadata.get("kernelspec", {}).get("name") or "python3"
        node.cells.append(nbformat.v4.new_code_cell())  # type: ignore[no-untyped-call]  # nbformat's own
        options: dict[str, Any] = {
            "kernel_name": kernel or own,
            "allow_errors": True,
            "extra_arguments": _ARGUMENTS,
            "resources": {"metadata": {"path": str(self.path.parent)}},
        }
        with tempfile.TemporaryDirectory(prefix="samerun-") as folder:
            journal, log = Path(folder) / "journal", Path(folder) / "log"
            client = NotebookClient(node, **options)
            try:
                with log.open("w") as stderr, client.setup_kernel(stderr=stderr):
                    self._begin(client, journal)  # without a limit: torch is imported
                    client.timeout = timeout
                    found = {number: self._run_cell(client, number, advance) for number in order}
            except NoSuchKernel as error:
                raise NotebookError(str(self.path), f"{error}; name one of `jupyter kernelspec list`") from error
            except DeadKernelError as error:
                said = log.read_text(errors="replace")[-_LOGGED:]
                raise NotebookError(str(self.path), f"its kernel died\n{said}".strip()) from error
            with closing(JournalFile(journal)) as file:
                return self._with_draws(found, file.read())

    def _begin(self, client: NotebookClient, journal: Path) -> None:
        """Let the kernel keep a journal for us, beside the one that the notebook may keep."""
        place = len(client.nb.cells) - 1
        cell = client.nb.cells[place]
        cell.source = f"from samerun.notebook.extension import listen\nlisten({str(journal)!r})"
        client.execute_cell(cell, place, store_history=False)
        for output in cell.outputs:
            if output.output_type == "error":
                reason = (
                    f"its kernel {client.kernel_name!r} cannot load samerun ({output.ename}: {output.evalue}); install"
                    ' "samerun[notebook]" where that kernel runs, or name another with --kernel'
                )
                raise NotebookError(str(self.path), reason)

    def _run_cell(self, client: NotebookClient, number: int, advance: Callable[[], object]) -> tuple[Output, ...]:
        place = self.places[number - 1]
        cell = client.nb.cells[place]
        tags = cell.metadata.get("tags", [])
        where = f"{self.path}, cell {number}" + (f" (In[{self.count(number)}])" if self.count(number) else "")
        try:
            client.execute_cell(cell, place)
        except CellTimeoutError as error:
            raise NotebookError(where, f"takes longer than {client.timeout} s") from error
        advance()
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags:
                raise NotebookError(where, f"raises {output.ename}: {output.evalue}")
        return () if IGNORE_TAG in tags else comparable(cell.outputs)

    def _with_draws(self, outputs: Mapping[int, tuple[Output, ...]], entries: Sequence[Entry]) -> dict[int, CellRun]:
        ours = [entry for entry in entries if entry.count is not None]
        if len(ours) != len(outputs):
            reason = f"{len(outputs)} cells ran and {len(ours)} are in the journal; does one unload or reload samerun?"
            raise NotebookError(str(self.path), reason)
        pairs = zip(outputs.items(), ours, strict=True)
        return {
            number: CellRun(found, _fingerprints(entry), (*entry.blocks, entry.outside))
            for (number, found), entry in pairs
        }


def read_notebook(path: Path) -> Notebook:
    """Read a notebook file.

    Raises:
        NotebookError: if it is none, or has no cell with code.
        OSError: if it cannot be opened.
    """
    try:
        node = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat's own
    except OSError:
        raise
    except Exception as error:  # nbformat raises what it happens to run into
        raise NotebookError(str(path), f"cannot be read as a notebook: {str(error)[:200]}") from error
    cells = enumerate(node.cells)
    places = tuple(place for place, cell in cells if cell.cell_type == "code" and cell.source.strip())
    if not places:
        raise NotebookError(str(path), "has no cell with code")
    return Notebook(path.absolute(), node, places)


def _fingerprints(entry: Entry) -> dict[str, tuple[str, str]]:
    found = {}
    for span in (*entry.blocks, entry.outside):
        for draw in span.draws:
            # Where a source was before somebody set it makes no difference.
            before = "" if draw.how != "drew" else _fingerprint(span.before[draw.source])
            found[f"{span.label}: {draw.source}"] = before, _fingerprint(span.after[draw.source])
    return found


def _fingerprint(state: Packed) -> str:
    return fingerprint({state.kind: dict(state.fields)})
