"""The entry of ``samerun`` and ``python -m samerun``, which are alike."""

from __future__ import annotations

import sys

from samerun.errors import MissingExtraError


def main() -> None:
    """Run the command line; exit codes are 0 same or clean, 1 differs or findings, 2 cannot tell."""
    try:
        from samerun.cli import app
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit(f"error: {MissingExtraError(error.name, 'cli')}")
    app(prog_name="samerun")


if __name__ == "__main__":
    main()
