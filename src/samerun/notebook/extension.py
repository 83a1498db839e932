"""Loading and unloading: what is put into IPython's shell, and how it is taken out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from samerun.errors import MissingExtraError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from samerun.notebook.shell import Installed

__all__ = ["listen", "load_ipython_extension", "unload_ipython_extension"]

# One per shell; a process usually has one.
_installed: dict[InteractiveShell, Installed] = {}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Begin to keep a journal and offer ``%%isolate``, ``%%stream`` and ``%rng``; called by ``%load_ext samerun``.

    Draws nothing and changes no generator. Loading twice changes nothing more.

    Raises:
        MissingExtraError: if IPython is not installed.
    """
    try:
        from samerun.notebook.shell import Installed
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "IPython":
            raise
        raise MissingExtraError("IPython", "notebook") from error

    if shell not in _installed:
        _installed[shell] = Installed(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take out everything that was put into the shell; called by ``%unload_ext samerun``.

    The generators go on where they are, or, if a training was guarded, where the training is.
    """
    installed = _installed.pop(shell, None)
    if installed is not None:
        installed.remove()


def listen(path: str) -> None:
    """Load the extension into the running kernel and write every entry to a file; how a notebook is checked."""
    from IPython.core.getipython import get_ipython

    from samerun.notebook.journal import Journal

    shell = get_ipython()
    assert shell is not None
    assert shell.extension_manager is not None
    shell.extension_manager.load_extension("samerun")
    recorder = _installed[shell].recorder
    journal = Journal(kept=None)
    journal.keep_in(Path(path))
    recorder.listeners.append(journal.append)
    recorder.checked = True
