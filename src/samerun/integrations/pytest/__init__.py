"""``pytest --samerun``: tests that train are tried out under scenarios, in fresh processes.

The entry point ``samerun`` of the group ``pytest11``. Every run of pytest loads it where samerun is installed, so it
imports nothing of samerun, torch least of all, unless one of its options is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from samerun.integrations.pytest.trying import Tryer

__all__ = [
    "MARKER",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "samerun_verify",
]

#: The name of the marker.
MARKER = "samerun"

_HELP = (
    f"{MARKER}(scenarios=None, skip=(), quick=False, steps=None, timeout=None, data=()): the test trains; with"
    " --samerun it is run again and again in fresh processes, and must come out the same."
)
_SKIPPED = "it is run many times over; ask for it: pytest --samerun"
# The plugin of the processes that a test is run in.
_INSIDE = f"{__name__}.inside"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--samerun``, ``--samerun-quick`` and ``--samerun-scenarios``."""
    group = parser.getgroup("samerun", "training that must be reproducible")
    group.addoption("--samerun", action="store_true", help="run tests that train under samerun's scenarios")
    group.addoption("--samerun-quick", action="store_true", help="the same, with the quick scenarios and trials only")
    group.addoption(
        "--samerun-scenarios",
        metavar="NAMES",
        default="",
        help="the same, with these scenarios only, whatever a test says: names with commas in between",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and look at the options."""
    config.addinivalue_line("markers", _HELP)
    if _is_wanted(config):
        try:
            from samerun.integrations.pytest.trying import check_options
        except ModuleNotFoundError as error:
            raise pytest.UsageError(f"--samerun needs {error.name}: pip install 'samerun[verify]'") from error
        check_options(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put a test that runs processes in place of each test that is marked, or skip it."""
    if config.pluginmanager.has_plugin(_INSIDE):
        return
    for number, item in enumerate(items):
        if item.get_closest_marker(MARKER) is None:
            continue
        if _is_wanted(config):
            from samerun.integrations.pytest.item import Tried

            items[number] = Tried.of(item)
        else:
            item.add_marker(pytest.mark.skip(reason=_SKIPPED))


@pytest.fixture
def samerun_verify(request: pytest.FixtureRequest) -> Tryer:
    """Return what runs a function or a command under scenarios, and fails with the verdict."""
    if not _is_wanted(request.config):
        pytest.skip(_SKIPPED)
    from samerun.integrations.pytest.trying import Tryer

    return Tryer(request.config)


def _is_wanted(config: pytest.Config) -> bool:
    return any(config.getoption(name) for name in ("--samerun", "--samerun-quick", "--samerun-scenarios"))
