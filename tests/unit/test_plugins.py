from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from samerun import plugins
from samerun.divergence import causes
from samerun.errors import VerifyError


def test_modules_that_have_none_are_passed_over():
    found = plugins.members(causes, "CAUSE")
    assert found
    assert all(cause.name for cause in found)
    assert plugins.members(causes, "NO_SUCH_NAME") == []


def test_what_packages_register_comes_by_name_and_what_cannot_be_loaded_is_refused(monkeypatch):
    entries = [EntryPoint("b", "json:dumps", "g"), EntryPoint("a", "json:loads", "g")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    assert [provider for provider, _ in plugins.registered("g", VerifyError)] == ["a = json:loads", "b = json:dumps"]
    entries.append(EntryPoint("c", "no_such_module:x", "g"))
    with pytest.raises(VerifyError, match="c = no_such_module:x: cannot be loaded: No module named 'no_such_module'"):
        list(plugins.registered("g", VerifyError))
