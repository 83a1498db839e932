"""The pitfalls of seeds found in the source, before the run; nothing that is read is ever run or imported.

It needs the standard library alone, so that an editor and a commit need not wait for torch.
"""

from samerun.lint.check import Linter, lint_paths, lint_text
from samerun.lint.file import File
from samerun.lint.finding import Edit, Finding, Fix, Range
from samerun.lint.flow import Event
from samerun.lint.registry import all_rules
from samerun.lint.report import Report
from samerun.lint.rule import Rule

__all__ = [
    "Edit",
    "Event",
    "File",
    "Finding",
    "Fix",
    "Linter",
    "Range",
    "Report",
    "Rule",
    "all_rules",
    "lint_paths",
    "lint_text",
]
