from __future__ import annotations

import inspect
import random
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import pytest
import torch

import drawing
from draws import bare_states, draw
from samerun.errors import TraceError
from samerun.rng.numpy import BitGeneratorSource
from samerun.tracing.draws import Draw, Draws


def watched(way: Callable[[], object]) -> list[Draw]:
    found: list[Draw] = []
    with Draws(found.append):
        way()
    return found


def marked(way: Callable[[], object]) -> list[tuple[int, str]]:
    lines, start = inspect.getsourcelines(way)
    marks = ((line, re.search(r"# draws from (\S+)", text)) for line, text in enumerate(lines, start))
    return [(line, mark[1]) for line, mark in marks if mark]


@pytest.mark.parametrize("way", drawing.WAYS)
def test_the_line_that_draws_is_found(way: Callable[[], object]) -> None:
    places = marked(way)
    assert places
    found = [(draw.stack[0].line, draw.name) for draw in watched(way)]
    assert list(dict.fromkeys(found)) == places


def test_a_draw_tells_how_many_and_from_where() -> None:
    def step() -> None:
        np.random.rand(3)

    (found,) = watched(step)
    line = step.__code__.co_firstlineno + 1
    assert (found.name, found.how, found.count) == ("numpy", "drew", 6)  # two words for each
    assert found.stack[0] == (__file__, line, step.__code__.co_qualname)
    assert [site.function for site in found.stack][1:3] == ["watched", "test_a_draw_tells_how_many_and_from_where"]
    assert Draw.read(found.name, found.digest, found.value) == found


def test_seeding_is_not_drawing() -> None:
    def seeds() -> None:
        np.random.seed(3)
        torch.manual_seed(4)

    assert [(found.name, found.how, found.count) for found in watched(seeds)] == [
        ("numpy", "set", None),
        ("torch.cpu", "set", None),
    ]


def test_equal_digests_stand_for_equal_states() -> None:
    def same() -> None:
        np.random.seed(3)
        np.random.rand()
        np.random.seed(3)

    first, between, second = watched(same)
    assert first.digest == second.digest != between.digest


def test_code_in_libraries_is_put_down_to_the_line_that_called_it() -> None:
    def library() -> None:
        from random import sample

        sample(range(9), 2)

    (found,) = watched(library)
    assert found.stack[0].function.endswith("library")


def test_a_line_around_the_window_is_found_too() -> None:
    found: list[Draw] = []
    watch = Draws(found.append)
    watch.__enter__()
    np.random.rand()
    here = sys._getframe().f_lineno - 1
    watch.__exit__()
    assert [draw.stack[0].line for draw in found] == [here]


def test_sources_that_are_given_are_watched_under_their_names_only() -> None:
    rng = np.random.default_rng(1)
    source = BitGeneratorSource("dataset.rng", rng.bit_generator)
    found: list[Draw] = []
    with Draws(found.append, {"dataset.rng": source}):
        rng.random()
    assert [(draw.name, draw.count) for draw in found] == [("dataset.rng", None)]


def test_generators_made_in_the_window_are_watched() -> None:
    found: list[Draw] = []
    with Draws(found.append):
        made = np.random.default_rng(1)
        int("1")
        made.random()
    assert [draw.name for draw in found] == ["test_generators_made_in_the_window_are_watched.made"]


def test_no_bit_is_changed_and_nothing_stays_behind() -> None:
    way = drawing.from_hook
    way()
    draw()
    plain = bare_states()
    torch.manual_seed(3)
    np.random.seed(2)
    random.seed(1)
    with Draws(lambda found: None):
        way()
        draw()
    assert bare_states() == plain
    assert sys.gettrace() is None
    assert sys._getframe().f_trace is None


def test_the_states_are_those_without_it() -> None:
    seen = []
    for context in (nullcontext(), Draws(lambda found: None)):
        random.seed(1), np.random.seed(2), torch.manual_seed(3)
        with context:
            for way in drawing.WAYS:
                way()
        seen.append(bare_states())
    assert seen[0] == seen[1]


def test_a_debugger_is_not_thrown_out() -> None:
    follow = lambda *_: None  # noqa: E731
    if sys.version_info >= (3, 12):
        sys.monitoring.use_tool_id(4, "another")
    else:
        sys.settrace(follow)
    try:
        with pytest.raises(TraceError, match="without a debugger"), Draws(lambda found: None):
            pass
        assert sys.version_info >= (3, 12) or sys.gettrace() is follow
    finally:
        sys.monitoring.free_tool_id(4) if sys.version_info >= (3, 12) else sys.settrace(None)


def test_an_error_in_the_window_leaves_everything_off() -> None:
    with pytest.raises(ZeroDivisionError), Draws(lambda found: None):
        1 / 0  # noqa: B018
    assert sys.gettrace() is None
