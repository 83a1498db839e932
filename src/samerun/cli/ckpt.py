"""``samerun ckpt``: look at checkpoints, verify them, compare two, and delete old ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from samerun.errors import CheckpointError

if TYPE_CHECKING:
    from samerun.checkpoint import Info

__all__ = ["ckpt"]

_PATH = click.Path(exists=True, file_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group()
def ckpt() -> None:
    """Look at checkpoints, verify, compare and delete them.

    DIR is a directory of checkpoints, or the folder of one (step-000000123).
    """


@ckpt.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@_JSON
@click.pass_context
def ls(context: click.Context, directory: Path, as_json: bool) -> None:
    """List the checkpoints; exit 1 if the manifest of one is damaged."""
    from samerun.checkpoint import locate

    store, steps = locate(directory)
    found = {step: _attempt(store.info, step) for step in steps}
    if as_json:
        click.echo(json.dumps([_row(step, info) for step, info in found.items()], indent=2))
    else:
        _print_list(found)
    context.exit(int(any(isinstance(info, CheckpointError) for info in found.values())))


@ckpt.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@_JSON
def show(directory: Path, as_json: bool) -> None:
    """Show what the newest checkpoint holds, with the hash of every tensor."""
    info, state = _read(directory)
    if as_json:
        click.echo(json.dumps({**_row(info.step, info), "leaves": list(_leaves(state))}, indent=2))
        return
    tree = Tree(f"step {info.step}, {info.created:%Y-%m-%d %H:%M:%S} UTC, {escape(info.made_by)}, {_bytes(info.size)}")
    _grow(tree.add("meta"), info.meta)
    _grow(tree.add("state"), state)
    Console(soft_wrap=True).print(tree)


@ckpt.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@_JSON
@click.pass_context
def verify(context: click.Context, directory: Path, as_json: bool) -> None:
    """Read every byte and compare it with its checksum; exit 1 if one is damaged."""
    from samerun.checkpoint import locate

    store, steps = locate(directory)
    found = {step: _attempt(store.verify, step) for step in steps}
    damaged = {step: error for step, error in found.items() if isinstance(error, CheckpointError)}
    if as_json:
        rows = [{"step": step, "ok": step not in damaged, "error": _reason(info)} for step, info in found.items()]
        click.echo(json.dumps(rows, indent=2))
    else:
        for step in steps:
            click.echo(f"{step}  damaged: {_reason(damaged[step])}" if step in damaged else f"{step}  ok")
    context.exit(1 if damaged else 0)


@ckpt.command()
@click.argument("first", type=_PATH)
@click.argument("second", type=_PATH)
@_JSON
@click.pass_context
def diff(context: click.Context, first: Path, second: Path, as_json: bool) -> None:
    """Name every leaf at which two checkpoints differ in a bit; exit 1 if one does."""
    from samerun.checkpoint import differences

    found = differences(_read(first)[1], _read(second)[1])
    if as_json:
        rows = [{"path": leaf.path, "first": leaf.first, "second": leaf.second} for leaf in found]
        click.echo(json.dumps(rows, indent=2))
    elif found:
        table = Table(title=f"{len(found)} leaves differ", title_justify="left")
        for heading in ("leaf", "first", "second"):
            table.add_column(heading, overflow="fold")
        for leaf in found:
            table.add_row(*(escape(text) for text in (leaf.path or "root", leaf.first, leaf.second)))
        Console().print(table)
    else:
        click.echo("same state", err=True)
    context.exit(1 if found else 0)


@ckpt.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option("--newest", type=click.IntRange(min=1), default=3, show_default=True, help="Keep so many of the newest.")
@click.option("--every", type=click.IntRange(min=1), help="Keep the steps that are multiples of this.")
@click.option("--best", help="Keep the one with the best value of this metric.")
@click.option("--mode", type=click.Choice(["min", "max"]), default="min", show_default=True, help="Which is best.")
@click.option("--yes", is_flag=True, help="Delete them.")
@_JSON
@click.pass_context
def prune(  # noqa: PLR0917 - click passes them by name
    context: click.Context,
    directory: Path,
    newest: int,
    every: int | None,
    best: str | None,
    mode: Literal["min", "max"],
    yes: bool,
    as_json: bool,
) -> None:
    """Show which checkpoints a rule would delete; with --yes, delete them.

    Damaged ones are neither counted nor deleted. Without --yes, exit 1 if there is something to delete.
    """
    from samerun.checkpoint import Keep, locate

    store, steps = locate(directory)
    found = {step: _attempt(store.verify, step) for step in steps}
    good = {step: info.metrics for step, info in found.items() if not isinstance(info, CheckpointError)}
    doomed = Keep(newest, every, best, mode).doomed(good)
    for step in set(found) - set(good):
        click.echo(f"{step} is damaged and stays: {_reason(found[step])}", err=True)
    for step in doomed if yes else ():
        store.delete(step)
    if as_json:
        click.echo(json.dumps({"steps": doomed, "deleted": yes, "damaged": sorted(set(found) - set(good))}, indent=2))
    else:
        for step in doomed:
            click.echo(f"{step}  {'deleted' if yes else 'to delete'}")
        click.echo(_advice(len(doomed), yes), err=True)
    context.exit(1 if doomed and not yes else 0)


def _attempt(call: Callable[[int], Info], step: int) -> Info | CheckpointError:
    try:
        return call(step)
    except CheckpointError as error:
        return error


def _reason(found: Info | CheckpointError) -> str | None:
    return f"{Path(found.where).name}: {found.reason}" if isinstance(found, CheckpointError) else None


def _advice(count: int, done: bool) -> str:
    if not count:
        return "nothing to delete"
    return f"{count} deleted" if done else f"{count} to delete; delete them with --yes"


def _read(directory: Path) -> tuple[Info, Any]:
    """Return the newest checkpoint that a path stands for: the state, or the states by rank if there are several."""
    from samerun.checkpoint import locate

    store, steps = locate(directory)
    info, states = store.read(steps[-1])
    return info, states[0] if len(states) == 1 else dict(enumerate(states))


def _row(step: int, info: Info | CheckpointError) -> dict[str, Any]:
    from samerun.checkpoint import pack

    if isinstance(info, CheckpointError):
        return {"step": step, "error": _reason(info)}
    return {
        "step": step,
        "made_by": info.made_by,
        "created": info.created.isoformat(),
        "size": info.size,
        "ranks": len(info.parts),
        "meta": pack(info.meta).tree,
    }


def _print_list(found: dict[int, Info | CheckpointError]) -> None:
    table = Table()
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("created, UTC", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("epoch", justify="right")
    table.add_column("metrics", overflow="fold")
    for step, info in found.items():
        if isinstance(info, CheckpointError):
            table.add_row(str(step), "damaged", "", "", escape(str(_reason(info))), style="red")
        else:
            metrics = ", ".join(f"{_key(name)} {value:g}" for name, value in info.metrics.items())
            epoch = info.meta.get("epoch", "")
            when = f"{info.created:%Y-%m-%d %H:%M:%S}"
            table.add_row(str(step), when, _bytes(info.size), escape(_plain(epoch)), escape(metrics))
    Console().print(table)


def _bytes(size: float) -> str:
    if size < 1000:
        return f"{size} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def _leaves(state: object) -> Iterator[dict[str, object]]:
    from samerun.state import fingerprint, walk

    for path, leaf in walk(state):
        yield {"path": path or "root", "value": _described(leaf), "fingerprint": fingerprint(leaf)}


def _grow(tree: Tree, node: object) -> None:
    if not isinstance(node, dict | list | tuple):
        tree.add(escape(_described(node)))
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, dict | list | tuple) and value:
            _grow(tree.add(escape(_key(key))), value)
        else:
            tree.add(escape(f"{_key(key)}  {_described(value, hashed=True)}"))


def _described(leaf: object, *, hashed: bool = False) -> str:
    """Return a leaf in words: dtype and shape of a tensor (and the beginning of its hash), other values as they are."""
    from samerun.state import fingerprint

    dtype, shape = getattr(leaf, "dtype", None), getattr(leaf, "shape", ())
    if dtype is None:
        return _plain(leaf)
    text = f"{getattr(dtype, 'str', dtype)}{list(shape)}".removeprefix("torch.")
    return f"{text}  {fingerprint(leaf)[:12]}" if hashed else text


def _plain(value: object) -> str:
    from samerun.checkpoint.blocks import short

    return "" if value == "" else short(value)


def _key(key: object) -> str:
    text = str(key)
    return text if text.isprintable() else repr(key)
