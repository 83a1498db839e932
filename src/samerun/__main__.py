"""The entry of ``samerun`` and ``python -m samerun``, which are alike."""

from __future__ import annotations

import sys

from samerun.errors import MissingExtraError


def main() -> None:
    """Run the command line; exit codes are 0 same or clean, 1 differs or findings, 2 cannot tell."""
    try:
        from samerun.cli import app

        app(prog_name="samerun")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("click", "rich"):
            raise
        print(f"error: {MissingExtraError(package, 'cli')}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
