from __future__ import annotations

import inspect
import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from samerun import errors
from samerun.errors import Problem, SamerunError, StateError


def exceptions():
    return [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, SamerunError)]


def test_every_exception_is_in_the_tree_of_the_docstring_and_exported():
    for exception in exceptions():
        assert exception.__name__ in errors.__doc__
        assert exception.__name__ in errors.__all__


ERRORS = [
    (errors.SeedError(-1, "positive"), ValueError),
    (errors.StateError([Problem("a", "b", "c")]), ValueError),
    (errors.DiscoveryError("a", "b"), TypeError),
    (errors.RegistryError("a", "b"), RuntimeError),
    (errors.StreamError("a", "b"), RuntimeError),
    (errors.DeterminismError("a", 1, 2, "c"), RuntimeError),
    (errors.LoaderError("a", "b"), RuntimeError),
    (errors.RunError("a", "b"), RuntimeError),
    (errors.CheckpointError("a", "b"), RuntimeError),
    (errors.TraceError("a", "b"), RuntimeError),
    (errors.VerifyError("a", "b"), RuntimeError),
    (errors.LintError("a", "b"), RuntimeError),
    (errors.NotebookError("a", "b"), RuntimeError),
    (errors.MissingExtraError("click", "cli"), ImportError),
    (errors.ProcessError("a", 1, "b"), RuntimeError),
    (errors.ResumeError("a", "b", "c", "d"), AssertionError),
]


@pytest.mark.parametrize(("error", "builtin"), ERRORS)
def test_each_is_also_the_builtin_that_callers_expect(error, builtin):
    assert isinstance(error, builtin)
    assert isinstance(error, SamerunError)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS])
def test_they_survive_the_way_from_another_process(error):
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))


def test_a_dataloader_worker_hands_over_the_message():
    class Failing(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            raise StateError([Problem("here", "1", "2")])

    with pytest.raises(RuntimeError, match="here: found 1, expected 2"):
        list(DataLoader(Failing(), num_workers=1))


def test_problems_are_listed_one_a_line():
    one, two = Problem("a", "1", "2", "do this"), Problem("b", "3", "4")
    assert str(StateError([one])) == "a: found 1, expected 2; do this\nNothing was changed."
    assert str(StateError([one, two])) == (
        "2 problems:\n  a: found 1, expected 2; do this\n  b: found 3, expected 4\nNothing was changed."
    )


def test_a_missing_extra_says_what_to_install():
    assert 'pip install "samerun[demo]"' in str(errors.MissingExtraError("matplotlib", "demo"))


def test_they_carry_what_the_message_says():
    seed = errors.SeedError(-1, "positive")
    assert (seed.found, seed.expected) == (-1, "positive")
    discovery = errors.DiscoveryError("where", "why")
    assert (discovery.path, discovery.reason) == ("where", "why")
    registry = errors.RegistryError("who", "why")
    assert (registry.provider, registry.reason) == ("who", "why")
    stream = errors.StreamError("which", "why")
    assert (stream.stream, stream.reason) == ("which", "why")
    checkpoint = errors.CheckpointError("where", "why")
    assert (checkpoint.where, checkpoint.reason) == ("where", "why")
    setting = errors.DeterminismError("what", 1, 2, "do this")
    assert (setting.setting, setting.found, setting.expected) == ("what", 1, 2)
    extra = errors.MissingExtraError("click", "cli")
    assert (extra.package, extra.extra) == ("click", "cli")
    process = errors.ProcessError("a", 3, "b")
    assert (process.name, process.code, process.output) == ("a", 3, "b")
