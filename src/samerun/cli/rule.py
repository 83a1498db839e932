"""``samerun rule``: the pages of what ``samerun lint`` looks for."""

from __future__ import annotations

import click

__all__ = ["rule"]


@click.command()
@click.argument("code", required=False)
@click.option("--all", "everything", is_flag=True, help="Print all pages.")
def rule(code: str | None, everything: bool) -> None:
    """Print the page of a rule, by its code or name; without one, the list of rules.

    A page says what the rule does, why it is bad, an example with the experiment that shows it, what to use instead,
    and when to silence it.
    """
    from samerun.lint.registry import all_rules, find

    if code is None and not everything:
        widest = max(len(found.name) for found in all_rules())
        for found in all_rules():
            click.echo(
                f"{found.code}  {found.name:<{widest}}  {found.summary}{' (pedantic)' if found.pedantic else ''}"
            )
        return
    chosen = all_rules() if code is None else (find(code),)
    click.echo("\n\n".join(f"{found.code} {found.name}\n\n{found.page}" for found in chosen))
