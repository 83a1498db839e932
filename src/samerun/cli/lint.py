"""``samerun lint``: the pitfalls of seeds in files and notebooks, found before the run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from samerun.lint.check import Linter
    from samerun.lint.report import Report

__all__ = ["lint"]


def _known(context: click.Context, param: click.Parameter, value: str) -> str:
    """Return the name of a format; the formats are looked for when one is given."""
    from samerun.lint.formats import names

    if value not in names():
        raise click.BadParameter(f"{value!r} is not one of {', '.join(names())}", context, param)
    return value


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--select", metavar="CODES", help="Rules to check, or how their codes begin, separated by commas.")
@click.option("--ignore", metavar="CODES", help="Rules to leave out, beside those that the project leaves out.")
@click.option("--pedantic", is_flag=True, help="Say also what may well be meant.")
@click.option(
    "--format", "form", callback=_known, default="text", metavar="FORMAT", help="text, github, json, junit or sarif."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@click.option("--fix", "fixes", is_flag=True, help="Cure what can be cured without changing what is meant.")
@click.option("--unsafe-fixes", is_flag=True, help="Cure with --fix or --diff also what may change it.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--no-cache", is_flag=True, help="Check every file anew, and keep nothing.")
@click.option(
    "--stdin-filename",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What `-` is called; .ipynb for a notebook, which is known without it.",
)
@click.pass_context
def lint(  # noqa: PLR0917 - click passes them by name
    context: click.Context,
    paths: tuple[Path, ...],
    select: str | None,
    ignore: str | None,
    pedantic: bool,
    form: str,
    output: Path | None,
    fixes: bool,
    unsafe_fixes: bool,
    diff: bool,
    no_cache: bool,
    stdin_filename: Path | None,
) -> None:
    """Find pitfalls of seeds in Python files and notebooks; PATHS are files and folders, or - for stdin.

    Exit code: 0 nothing found, 1 findings (or a diff), 2 cannot tell.
    """
    from samerun.lint.check import Linter

    if unsafe_fixes and not (fixes or diff):
        raise click.UsageError("--unsafe-fixes does nothing alone: add --fix, or --diff to look first")
    stdin = Path("-") in paths or (not paths and stdin_filename is not None)
    if output is not None and (diff or (fixes and stdin)):
        raise click.UsageError("--output is for findings, and what is asked for is a text")
    linter = Linter(_codes(select), _codes(ignore), pedantic, cache=not no_cache)
    if stdin and len(paths) > 1:
        raise click.UsageError("- stands for the only file")
    if stdin_filename is not None and not stdin:
        raise click.UsageError("--stdin-filename is for -, and files are given")
    if stdin:
        data = _stdin()
        reports = [linter.bytes(data, stdin_filename or Path("stdin.ipynb" if _is_notebook(data) else "stdin.py"))]
    else:
        reports = list(linter.paths(paths or (Path(),)))
    if diff:
        context.exit(_show_diff(reports, linter, unsafe_fixes))
    if fixes:
        reports = _fix(reports, linter, unsafe_fixes, stdin)
    if not (fixes and stdin):
        _print(reports, form, output)
    context.exit(_code(reports))


def _codes(given: str | None) -> tuple[str, ...]:
    codes = tuple(code.strip().upper() for code in (given or "").split(",") if code.strip())
    if given is not None and not codes:
        raise click.UsageError(f"{given!r} has no code in it; give some, such as SR001,SR004")
    return codes


def _stdin() -> bytes:
    if sys.stdin is None:
        raise click.UsageError("stdin is closed")
    return sys.stdin.buffer.read()


def _is_notebook(data: bytes) -> bool:
    """Return whether this looks like a notebook, whose JSON is Python as well, and has nothing to find in it."""
    return data.lstrip().startswith(b"{") and b'"nbformat"' in data


def _print(reports: Sequence[Report], form: str, output: Path | None) -> None:
    from samerun.lint.formats import find

    text = find(form).write(reports)
    # What programs read is UTF-8 everywhere. Names of files that are no text become JSON's escapes.
    encoding = _terminal() if form == "text" and output is None else "utf-8"
    data = text.encode(encoding, errors="backslashreplace")
    if output is not None:
        output.write_bytes(data)
    else:
        click.echo(data, nl=False)


def _terminal() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _code(reports: Sequence[Report]) -> int:
    if not all(report.readable for report in reports):
        return 2
    return 1 if any(report.findings for report in reports) else 0


def _show_diff(reports: Sequence[Report], linter: Linter, unsafe: bool) -> int:
    from samerun.lint.fixing import difference, fix

    fixed = [fix(report, linter, unsafe=unsafe) for report in reports]
    for one in fixed:
        if one.before != one.after:
            click.echo(difference(one).encode(_terminal(), errors="backslashreplace"), nl=False)
    if not all(report.readable for report in reports):
        return 2
    return 1 if any(one.before != one.after for one in fixed) else 0


def _fix(reports: Sequence[Report], linter: Linter, unsafe: bool, stdin: bool) -> list[Report]:
    """Cure files on the disk, or print what came from stdin with its cures."""
    from samerun.lint.fixing import fix, write

    left = []
    for report in reports:
        fixed = fix(report, linter, unsafe=unsafe)
        if stdin:
            click.echo(fixed.after, nl=False)
        elif fixed.after != fixed.before:
            write(fixed)
        if fixed.applied:
            click.echo(f"{report.path}: {len(fixed.applied)} cured", err=True)
        for finding in fixed.dropped:
            click.echo(f"{report.path}:{finding.range.line}: {finding.code} was not cured: it would break", err=True)
        left.append(fixed.report)
    return left
