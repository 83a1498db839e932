"""The scenarios there are: every other module of this package that has one, and what packages add by an entry point."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from samerun.errors import VerifyError
from samerun.plugins import members, registered
from samerun.verify import scenarios as package
from samerun.verify.scenario import Scenario

__all__ = ["GROUP", "all_scenarios", "choose"]

#: The group of entry points under which packages register scenarios of their own.
GROUP = "samerun.scenarios"


@cache
def all_scenarios() -> tuple[Scenario, ...]:
    """Return all scenarios in the order in which they are shown.

    Raises:
        VerifyError: for an entry point that cannot be loaded, is no :class:`Scenario`, or whose name is taken.
    """
    known: dict[str, Scenario] = {scenario.name: scenario for scenario in members(package, "SCENARIO")}
    for provider, scenario in registered(GROUP, VerifyError):
        if not isinstance(scenario, Scenario):
            raise VerifyError(provider, f"is a {type(scenario).__name__}, not a samerun.verify.Scenario")
        if scenario.name in known:
            raise VerifyError(provider, f"has the name of another scenario, {scenario.name!r}; give it its own")
        known[scenario.name] = scenario
    return tuple(sorted(known.values(), key=lambda scenario: (scenario.order, scenario.name)))


def choose(
    *, only: Collection[str] = (), skip: Collection[str] = (), quick: bool = False, everything: bool = False
) -> tuple[Scenario, ...]:
    """Return the scenarios that are asked for, in the order in which they are shown.

    Args:
        only: names of those that are wanted; the default set if empty.
        skip: names of those that are not.
        quick: of the default set, the quick ones.
        everything: those too that are not in the default set.

    Raises:
        VerifyError: for a name that there is not.
    """
    known = all_scenarios()
    names = [scenario.name for scenario in known]
    if unknown := [name for name in (*only, *skip) if name not in names]:
        raise VerifyError(", ".join(unknown), f"is no scenario; there are: {', '.join(names)}")
    wanted = only or [
        scenario.name for scenario in known if everything or (scenario.quick is not None if quick else scenario.default)
    ]
    return tuple(scenario for scenario in known if scenario.name in wanted and scenario.name not in skip)
