"""The rules there are: every module of `rules` with a ``RULE``, and what other packages bring by entry point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from samerun.errors import LintError
from samerun.lint import rules as package
from samerun.lint.rule import Rule
from samerun.plugins import members, registered

__all__ = ["ENTRY_POINT_GROUP", "all_rules", "chosen", "find"]

#: Packages name a rule of theirs here.
ENTRY_POINT_GROUP = "samerun.lint_rules"


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return all rules in the order of their codes.

    Raises:
        LintError: for an entry point that is no rule, and a code that is used twice.
    """
    found: dict[str, Rule] = {}
    for rule in (*members(package, "RULE"), *_registered()):
        if rule.code in found:
            raise LintError(rule.code, f"is the code of two rules: {found[rule.code].name} and {rule.name}")
        found[rule.code] = rule
    return tuple(found[code] for code in sorted(found))


def find(code: str) -> Rule:
    """Return a rule by its code or name.

    Raises:
        LintError: if there is none.
    """
    for rule in all_rules():
        if code.upper() == rule.code or code.lower() == rule.name:
            return rule
    raise LintError(code, f"is no rule; there are: {', '.join(rule.code for rule in all_rules())}")


def chosen(select: Iterable[str], ignore: Iterable[str], pedantic: bool = False) -> tuple[Rule, ...]:
    """Return the rules whose codes begin with one of those selected and none of those ignored.

    Args:
        select: codes or how they begin; none for all.
        ignore: the same.
        pedantic: whether rules that are pedantic as a whole take part without being selected by their whole code.

    Raises:
        LintError: for what no code begins with.
    """
    wanted, unwanted = tuple(select), tuple(ignore)
    for prefix in (*wanted, *unwanted):
        if not prefix or not any(rule.code.startswith(prefix) for rule in all_rules()):
            raise LintError(repr(prefix), f"is no rule; there are: {', '.join(rule.code for rule in all_rules())}")
    return tuple(
        rule
        for rule in all_rules()
        if (not wanted or rule.code.startswith(wanted))
        and not rule.code.startswith(unwanted or ("\0",))
        and (pedantic or not rule.pedantic or rule.code in wanted)
    )


def _registered() -> Iterator[Rule]:
    for provider, rule in registered(ENTRY_POINT_GROUP, LintError):
        if not isinstance(rule, Rule):
            raise LintError(provider, f"is {rule!r}, not a samerun.lint.Rule")
        yield rule
