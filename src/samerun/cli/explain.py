"""``samerun explain``: run two traced commands again and name the line that made them differ."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["explain"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("first", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("second", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "-n", "times", type=click.IntRange(min=1), help="The most pairs of reruns, to tell how often. [default: 5]"
)
@click.option("--ignore", multiple=True, metavar="KIND[:NAME]", help="What may differ, as for `samerun diff`.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def explain(  # noqa: PLR0917 - click passes them by name
    context: click.Context,
    first: Path,
    second: Path,
    as_json: bool,
    times: int | None,
    ignore: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Find the line, operation or draw behind the first difference of two traces.

    The commands that made them are run again, in their folders, and killed after that step: they write again what they
    wrote before. Without one that can be run again, give it after `--`; two of them are separated by a second `--`.

    Exit codes: 0 they do not differ, 1 explained, 2 cannot tell, as where the code was changed since.
    """
    from samerun.divergence.explain import TIMES
    from samerun.divergence.explain import explain as explained

    found = explained(
        first,
        second,
        times=times or TIMES,
        commands=_split(command),
        ignore=ignore,
        progress=lambda text: click.echo(text, err=True),
    )
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else found.text(Path.cwd()))
    if found.place is not None:
        context.exit(1 if found.finding is not None and not found.outdated else 2)


def _split(command: tuple[str, ...]) -> list[tuple[str, ...]]:
    if "--" not in command:
        return [command] if command else []
    at = command.index("--")
    return [command[:at], command[at + 1 :]]
