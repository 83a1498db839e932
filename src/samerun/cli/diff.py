"""``samerun diff``: where two traced runs first differ, and why."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

__all__ = ["diff"]

_TRACE = click.Path(path_type=Path)


@click.command()
@click.argument("first", type=_TRACE)
@click.argument("second", type=_TRACE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page as well.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="KIND[:NAME]",
    help="What may differ, such as rng:python or buffers; NAME may have * and ?. Can be given several times.",
)
@click.option("--offset", type=int, help="Step of FIRST that is step 0 of SECOND; found by itself if not given.")
@click.pass_context
def diff(  # noqa: PLR0917 - click passes them by name
    context: click.Context,
    first: Path,
    second: Path,
    as_json: bool,
    html: Path | None,
    ignore: tuple[str, ...],
    offset: int | None,
) -> None:
    """Compare two traces, recorded by `samerun trace`, and name the cause of the first difference.

    A resumed run is compared with the uninterrupted one from the step it goes on from. Exit code: 0 the same,
    1 differs, 2 cannot tell.
    """
    from samerun.divergence import judge

    _check(ignore)
    with judge(first, second, ignore=ignore, offset=offset) as verdict:
        if html is not None:
            from samerun.divergence.html import page

            html.write_text(page(verdict), encoding="utf-8")
            click.echo(f"page: {html}", err=True)
        if as_json:
            click.echo(json.dumps(verdict.as_json(), indent=2))
        else:
            from samerun.divergence.text import show

            show(verdict, Console())
    context.exit(0 if verdict.same else 1)


def _check(ignore: tuple[str, ...]) -> None:
    from samerun.tracing.format import KINDS

    for pattern in ignore:
        if pattern.partition(":")[0] not in KINDS:
            raise click.BadParameter(
                f"{pattern!r} is not one of {', '.join(KINDS)}, with or without :NAME", param_hint="--ignore"
            )
