"""A function as a script: ``python -m samerun.verify.call [--path FOLDER]... MODULE::FUNCTION OUT``.

Nothing is imported here before the function's own module asks for it, torch least of all.
"""

from __future__ import annotations

import inspect
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import reduce
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from itertools import takewhile
from pathlib import Path
from sysconfig import get_path
from types import ModuleType
from typing import Any

__all__ = ["command", "main"]

_NAME = "samerun.verify.call"


def command(function: Callable[..., object], cwd: Path) -> tuple[str, ...]:
    """Return program and arguments that call a function in a process of its own; ``{out}`` in them is its folder.

    Args:
        function: at the top of a module, or in a class there; it takes nothing, or a folder to write into.
        cwd: the folder that the process will find itself in, or in a copy of it; what lies below is named from there.

    Raises:
        VerifyError: for what no other process can find by its name.
    """
    from samerun.errors import VerifyError
    from samerun.verify.script import OUT

    name: str = getattr(function, "__qualname__", "")
    if not name or hasattr(function, "__self__") or "<" in name:
        raise VerifyError(
            name or repr(function), "cannot be found by another process; define it with `def` at the top of a file"
        )
    if not _takes_one_at_most(function):
        raise VerifyError(name, "takes more than one argument; give it one, the folder to write into, or none")
    file = Path(inspect.getsourcefile(inspect.unwrap(function)) or "").resolve()
    paths = [_from(cwd, path) for path in _given_paths()]
    module, root = _module(function.__module__, file)
    if root is not None:
        paths.insert(0, _from(cwd, root))
    options = [option for path in dict.fromkeys(paths) for option in ("--path", path)]
    target = module if root is not None else _from(cwd, file)
    return (sys.executable, "-m", _NAME, *options, f"{target}::{name}", OUT)


def main(arguments: Sequence[str]) -> None:
    """Import a function and call it."""
    parser = ArgumentParser(prog=f"python -m {_NAME}", description="Call a function in a process of its own.")
    parser.add_argument("--path", action="append", default=[], help="a folder to import from, as often as needed")
    parser.add_argument("target", help="MODULE::FUNCTION or FILE.py::FUNCTION")
    parser.add_argument("out", type=Path, help="the folder that the function gets if it takes an argument")
    given = parser.parse_args(arguments)
    sys.path[:0] = [str(Path(path).absolute()) for path in given.path]
    module, _, name = given.target.rpartition("::")
    function: Any = reduce(getattr, name.split("."), _load(module))
    function(*[given.out] if inspect.signature(function).parameters else [])


def _load(name: str) -> ModuleType:
    if not name.endswith(".py"):
        return import_module(name)
    path = Path(name).absolute()
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    sys.path.insert(0, str(path.parent))
    module = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _module(name: str, file: Path) -> tuple[str, Path | None]:
    """Return by which name a file is imported, and the folder that must be searched for that; ``None`` if none is."""
    parts = name.split(".")
    path = file.parent if file.stem == "__init__" else file.with_suffix("")
    if path.parts[-len(parts) :] != tuple(parts):
        return name, None
    return name, path.parents[len(parts) - 1]


def _takes_one_at_most(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(*[None] if inspect.signature(function).parameters else [])
    except TypeError:
        return False
    return True


def _given_paths() -> list[Path]:
    """Return what is searched before the standard library: what a runner of tests put there, and ``PYTHONPATH``."""
    first = takewhile(lambda entry: entry != get_path("stdlib"), sys.path)
    paths = [Path(entry).resolve() for entry in first]
    # The folder of the runner's own command is none of them.
    return [path for path in paths if path.is_dir() and not path.is_relative_to(sys.prefix)]


def _from(cwd: Path, path: Path) -> str:
    cwd = cwd.resolve()
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)


if __name__ == "__main__":
    main(sys.argv[1:])
