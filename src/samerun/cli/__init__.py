"""The command line: a thin layer of one module per verb, each loaded when it is used.

Data goes to stdout, talk to stderr. Exit codes: 0 same or clean, 1 differs or findings, 2 cannot tell.
"""

from samerun.cli.app import app

__all__ = ["app"]
