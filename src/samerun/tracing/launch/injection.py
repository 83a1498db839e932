"""Inside a process that is traced: waits until torch is imported, and begins to record.

What else is to happen in such processes is a module of its own with a function ``arm()``, which :data:`ARMED` names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, TracebackType

__all__ = ["ARMED", "FROM", "VARIABLE", "arm", "when_imported"]

#: The environment variable that names modules, with blanks in between, whose ``arm()`` is called before the script.
ARMED = "SAMERUN_ARMED"
#: The environment variable that holds the settings as JSON.
VARIABLE = "SAMERUN_TRACE"
#: The environment variable that holds the folder samerun was imported from.
FROM = "SAMERUN_TRACE_FROM"


def arm() -> None:
    """Begin to record once torch is imported; nothing else is imported before."""
    when_imported("torch", _begin)


def when_imported(name: str, action: Callable[[], object]) -> None:
    """Do something once a module was imported: at once if it is there, and never if it is not imported.

    Of several actions for one module, that which was named first is done first.
    """
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Finder(name, action))


class _Finder(MetaPathFinder):
    """Finds a module as it would be found without it, with a loader that tells when it is there."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self._name = name
        self._action = action
        self._looks = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name or self._looks:
            return None
        self._looks = True
        try:
            spec = find_spec(fullname)
        finally:
            self._looks = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._imported)
        return spec

    def _imported(self) -> None:
        # Not sooner: transformers looks whether torch is installed long before it imports it.
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            self._action()


class _Loader(Loader):
    def __init__(self, loader: Loader, action: Callable[[], object]) -> None:
        self._loader = loader
        self._action = action

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Whoever asks the module for its loader gets its own.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._action()


def _begin() -> None:
    try:
        from samerun.tracing.session import Session
        from samerun.tracing.settings import Settings

        session = Session(Settings.loads(os.environ[VARIABLE]))
    except Exception as error:
        sys.stderr.write(f"samerun: this process is not traced: {type(error).__name__}: {error}\n")
        return
    _tell_of_exceptions(session)


def _tell_of_exceptions(session: object) -> None:
    from samerun.tracing.session import Session

    assert isinstance(session, Session)
    before = sys.excepthook

    def told(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        sys.excepthook = before
        if Session.active is session:
            session.recorder.note("exit", f"{kind.__name__}: {error}")
            session.end(f"exception: {kind.__name__}: {error}")
        before(kind, error, traceback)

    sys.excepthook = told
