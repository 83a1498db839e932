"""The group of all verbs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from samerun._version import __version__
from samerun.errors import SamerunError

__all__ = ["app"]

# A new verb is a module of this name with a click command of this name.
_VERBS = ("ckpt", "demo", "diff", "env", "explain", "lab", "lint", "notebook", "rule", "trace", "verify")


class _Verbs(click.Group):
    """Loads a verb's module when the verb is named, so that none pays for the imports of another."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(f"samerun.cli.{name}"), name)
        return command

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # whoever reads our output has seen enough, which click handles
            raise
        except (SamerunError, OSError) as error:
            click.echo(f"error: {error}", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            context.exit(130)


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="samerun")
def app() -> None:
    """Same seed, same run, bit for bit.

    Exit codes: 0 same or clean, 1 differs or findings, 2 cannot tell.
    """
