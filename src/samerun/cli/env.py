"""``samerun env``: what can change bits here, and what differs from a recorded environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from samerun.determinism import Change, Environment

__all__ = ["env"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, which --against can read.")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with an environment recorded by --json; exit 1 if they differ.",
)
@click.pass_context
def env(context: click.Context, as_json: bool, against: Path | None) -> None:
    """Show everything outside the code that can change bits."""
    from samerun.determinism import compare_environments, environment

    here = environment()
    if against is None:
        click.echo(json.dumps(here, indent=2) if as_json else _tree(here))
        return
    changes = compare_environments(_load(against), here)
    if as_json:
        rows = [{"name": change.name, "recorded": change.first, "here": change.second} for change in changes]
        click.echo(json.dumps(rows, indent=2))
    elif changes:
        _print_changes(changes, against)
    if not changes:
        click.echo("same environment", err=True)
    context.exit(1 if changes else 0)


def _load(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(
            f"{path} holds a JSON {type(found).__name__}, not an object; record it with: samerun env --json"
        )
    if not {"python", "packages"} <= found.keys():
        raise click.UsageError(f"{path} is not a recorded environment; record one with: samerun env --json")
    return found


def _tree(environment: Environment, indent: str = "") -> str:
    lines = []
    for key, value in environment.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}", _tree(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{key:<28} {'none' if value is None or value == {} else value}")
    return "\n".join(lines)


def _print_changes(changes: tuple[Change, ...], against: Path) -> None:
    table = Table(title=f"{len(changes)} entries differ", title_justify="left")
    table.add_column("entry", overflow="fold")
    table.add_column(f"recorded in {against.name}", overflow="fold")
    table.add_column("here", overflow="fold")
    for change in changes:
        table.add_row(change.name, repr(change.first), repr(change.second))
    Console().print(table)
