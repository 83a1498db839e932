from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import random
import subprocess
import sys
import threading
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from draws import bare_states, draw
from samerun.derive import derive
from samerun.errors import RegistryError, SeedError, StateError, StreamError
from samerun.rng import Source, Stream, capture, isolate, ownership, seed_everything
from samerun.rng import registry as rng_registry
from samerun.rng.python import PythonSource
from samerun.rng.source import Family


def scramble():
    draw()
    seed_everything(99)
    draw()


# --- isolate


def test_isolate_leaves_no_trace():
    before = bare_states()
    with isolate():
        scramble()
        assert bare_states() != before
    assert bare_states() == before


def test_without_isolate_there_is_a_trace():
    before = bare_states()
    scramble()
    assert bare_states() != before


def test_a_block_draws_what_it_would_have_drawn():
    with isolate():
        inside = draw()
    assert draw() == inside


def test_states_come_back_when_the_body_raises():
    before = bare_states()
    with pytest.raises(ZeroDivisionError), isolate():
        scramble()
        raise ZeroDivisionError
    assert bare_states() == before


def test_nested_blocks_each_give_back_what_they_found():
    before = bare_states()
    with isolate():
        draw()
        inner = bare_states()
        with isolate():
            draw()
        assert bare_states() == inner
    assert bare_states() == before


def test_one_object_may_be_entered_again_and_in_itself():
    block = isolate()
    before = bare_states()
    with block:
        draw()
        with block:
            draw()
    with block:
        draw()
    assert bare_states() == before


def test_private_generators_come_back_too():
    objects = {"python": random.Random(1), "numpy": np.random.default_rng(1), "torch": torch.Generator()}

    def draw_private():
        return [
            objects["python"].gauss(0, 1),
            objects["numpy"].normal(),
            torch.rand((), generator=objects["torch"]).item(),
        ]

    with isolate():
        unprotected = draw_private()
    assert draw_private() != unprotected  # the negative control
    with isolate(objects):
        inside = draw_private()
    assert draw_private() == inside


def test_the_very_generators_come_back_even_if_replaced_inside():
    holder = [random.Random(1)]
    original = holder[0]
    before = original.getstate()
    with isolate(holder):
        original.random()
        holder[0] = random.Random(2)
    assert original.getstate() == before


def test_decorated_function_is_isolated_at_each_call():
    @isolate()
    def explore(count):
        """Look at random samples."""
        return [draw() for _ in range(count)]

    before = bare_states()
    assert explore(2) == explore(count=2)
    assert bare_states() == before
    assert (explore.__name__, explore.__doc__) == ("explore", "Look at random samples.")


def test_decorated_function_may_call_itself():
    @isolate()
    def descend(depth):
        draw()
        return descend(depth - 1) if depth else draw()

    before = bare_states()
    descend(3)
    assert bare_states() == before


def test_decorated_generator_function_keeps_its_own_draws_apart():
    def plain():
        yield draw()
        yield draw()
        return draw()

    own = list(_with_result(plain()))
    restore_to = bare_states()
    generator = isolate()(plain)()
    assert bare_states() == restore_to  # nothing has run yet

    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    outside = []
    inside = []
    for value in _with_result(generator):
        inside.append(value)
        outside.append(draw())
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    assert inside == own
    assert outside == [draw() for _ in range(3)]


def _with_result(generator):
    result = yield from generator
    yield result


def test_decorated_generator_function_takes_values_and_exceptions_and_can_be_closed():
    log = []

    @isolate()
    def echo():
        try:
            received = yield "ready"
            while True:
                try:
                    received = yield received
                except KeyError as error:
                    log.append(error)
                    received = yield "caught"
        finally:
            draw()
            log.append("closed")

    before = bare_states()
    generator = echo()
    assert next(generator) == "ready"
    assert generator.send("hello") == "hello"
    assert generator.throw(KeyError("x")) == "caught"
    with pytest.raises(ZeroDivisionError):
        generator.throw(ZeroDivisionError)
    other = echo()
    next(other)
    other.close()
    assert [str(entry) for entry in log] == ["'x'", "closed", "closed"]
    assert bare_states() == before


@pytest.mark.parametrize("kind", ["coroutine", "async generator"])
def test_async_functions_are_refused(kind):
    async def coroutine():
        return 1

    async def async_generator():
        yield 1

    with pytest.raises(TypeError, match="is async"):
        isolate()(coroutine if kind == "coroutine" else async_generator)


def test_forgotten_parentheses_are_refused():
    with pytest.raises(TypeError, match=r"@isolate\(\) with parentheses"):

        @isolate
        def function():
            return 1


def test_seeding_inside_does_not_reach_outside():
    before = bare_states()
    with isolate():
        seed_everything(5)
    assert bare_states() == before


# --- streams


def test_a_stream_depends_on_its_seed_and_name_alone():
    with Stream(7):
        first = draw()
    scramble()
    with Stream(np.int64(7)):
        assert draw() == first
    with Stream(8):
        assert draw() != first
    with Stream(7, name="other"):
        assert draw() != first


def test_a_stream_goes_on_where_it_stopped_and_leaves_the_outside_alone():
    with Stream(7):
        together = [draw() for _ in range(4)]
    stream = Stream(7)
    before = bare_states()
    apart = []
    for _ in range(4):
        with stream:
            apart.append(draw())
        assert bare_states() == before
        scramble()
        before = bare_states()
    assert apart == together


def test_a_stream_remembers_its_position_when_the_body_raises():
    with Stream(7):
        together = [draw(), draw()]
    stream = Stream(7)
    before = bare_states()
    with pytest.raises(ZeroDivisionError), stream:
        first = draw()
        raise ZeroDivisionError
    assert bare_states() == before
    with stream:
        assert [first, draw()] == together


def test_entering_an_open_stream_goes_on_in_it():
    with Stream(7):
        together = [draw() for _ in range(5)]
    stream, other = Stream(7), Stream(8)
    before = bare_states()
    apart = []
    with stream:
        apart.append(draw())
        with stream:
            apart.append(draw())
        with other:
            draw()
            with stream:
                apart.append(draw())
            draw()
        apart.append(draw())
    with stream:
        apart.append(draw())
    assert apart == together
    assert bare_states() == before


def test_seeding_inside_a_stream_moves_the_stream_only():
    stream = Stream(7)
    before = bare_states()
    with stream:
        seed_everything(5)
        draw()
    assert bare_states() == before
    seed_everything(5)
    draw()
    expected = draw()
    with stream:
        assert draw() == expected


class Model:
    """Streams as they are meant: each player has a position; the top of the stack draws from its own sequence."""

    def __init__(self):
        self.counts = {"outside": 0, "a": 0, "b": 0, "c": 0}
        self.stack = ["outside"]

    def value(self, sequences):
        player = self.stack[-1]
        self.counts[player] += 1
        return sequences[player][self.counts[player] - 1]


@given(st.lists(st.sampled_from(["draw", "a", "b", "c", "leave last", "leave first"]), max_size=30))
def test_any_order_of_entering_and_leaving_keeps_every_sequence(actions):
    random.seed(11)
    before = random.getstate()
    streams = {name: Stream(1, name=name) for name in "abc"}
    sequences = {"outside": [random.random() for _ in range(40)]}
    random.setstate(before)
    for name in "abc":
        with Stream(1, name=name):
            sequences[name] = [random.random() for _ in range(40)]
    model = Model()
    entered = []
    with ExitStack() as cleanup:
        for action in actions:
            if action == "draw":
                assert random.random() == model.value(sequences)
            elif action in streams:
                block = ExitStack()
                cleanup.push(block)
                block.enter_context(_one_entry(streams[action]))
                entered.append(block)
                model.stack.append(action)
            elif entered:
                place = -1 if action == "leave last" else 0
                entered.pop(place).close()
                model.stack.pop(place if place else 1)
    model.stack = ["outside"]
    assert random.random() == model.value(sequences)


class _one_entry:
    """A with-block of its own around a stream, so that blocks can end in any order."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        self.stream.__enter__()
        self.entry = self.stream._entered.pop()

    def __exit__(self, *details):
        self.stream._entered.append(self.entry)
        self.stream.__exit__(*details)


def test_a_suspended_generator_that_ends_late_does_not_lose_the_outer_state():
    def suspended():
        with isolate():
            draw()
            yield

    before = bare_states()
    generator = suspended()
    next(generator)
    with isolate():
        draw()
        del generator
        gc.collect()  # ends the inner block while a later one is open
        draw()
    assert bare_states() == before


def test_async_tasks_that_interleave_do_not_lose_the_outer_state():
    async def task(name):
        with Stream(1, name=name):
            draw()
            await asyncio.sleep(0)
            draw()

    async def main():
        await asyncio.gather(task("a"), task("b"), task("c"))

    before = bare_states()
    asyncio.run(main())
    assert bare_states() == before


def in_thread(function):
    result = []

    def run():
        try:
            result.append(function())
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run, name="other")
    thread.start()
    thread.join()
    return result[0]


def test_a_second_thread_that_enters_is_refused_and_nothing_changes():
    def enter():
        with Stream(2, name="second"):
            return draw()

    with Stream(1, name="first"):
        before = bare_states()
        error = in_thread(enter)
        assert bare_states() == before
    assert isinstance(error, StreamError)
    assert "'MainThread' is inside 'first'" in str(error)
    assert error.stream == "second"
    with Stream(2, name="second"):
        expected = draw()
    assert in_thread(enter) == expected  # allowed once nobody is inside


def test_a_block_left_open_by_a_thread_that_ended_blocks_nobody():
    block = isolate()
    before = bare_states()
    in_thread(block.__enter__)
    with isolate():
        draw()
    assert bare_states() == before
    block.__exit__(None, None, None)
    assert bare_states() == before


# --- state of a stream


def test_a_stream_goes_on_from_its_saved_position():
    stream = Stream(7)
    with stream:
        draw()
    saved = stream.state_dict()
    with stream:
        expected = draw()
    other = Stream(7)
    other.load_state_dict(saved)
    with other:
        assert draw() == expected


def test_saving_inside_gives_the_position_of_the_moment_and_changes_nothing():
    stream = Stream(7)
    with stream:
        draw()
        before = bare_states()
        saved = stream.state_dict()
        assert bare_states() == before
        with isolate():
            draw()
            assert _same(stream.state_dict(), saved)  # where it was interrupted
        expected = draw()
    other = Stream(7)
    other.load_state_dict(saved)
    with other:
        assert draw() == expected


def _same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("inside", [True, False])
def test_a_copied_or_pickled_stream_is_at_the_same_position(inside):
    stream = Stream(7)
    with stream:
        draw()
        if inside:
            copies = [pickle.loads(pickle.dumps(stream)), copy.deepcopy(stream), copy.copy(stream)]
    if not inside:
        copies = [pickle.loads(pickle.dumps(stream)), copy.deepcopy(stream), copy.copy(stream)]
    with stream:
        expected = draw()
    for copied in copies:
        with copied:
            assert draw() == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_a_thread_holds_the_lock_can_enter():
    code = """
import os, threading, samerun
from samerun.rng import ownership as o
held, done = threading.Event(), threading.Event()
def hold():
    with o.stack._lock:
        held.set(); done.wait()
thread = threading.Thread(target=hold); thread.start(); held.wait()
child = os.fork()
if child == 0:
    with samerun.isolate(): pass
    os._exit(0)
_, status = os.waitpid(child, 0)
done.set(); thread.join()
assert status == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_a_stream_that_was_never_entered_has_a_whole_state_too():
    other = Stream(7)
    with other:
        expected = draw()
    before = bare_states()
    saved = Stream(7).state_dict()
    assert bare_states() == before
    assert saved.keys() == other.state_dict().keys()  # so it can be a template to read into
    other.load_state_dict(saved)
    with other:
        assert draw() == expected


@pytest.mark.parametrize("other", [Stream(8), Stream(7, name="other")])
def test_the_state_of_another_stream_is_refused(other):
    with pytest.raises(StateError, match="the state of another stream"):
        other.load_state_dict(Stream(7).state_dict())


def test_a_state_is_not_loaded_into_an_open_stream():
    stream = Stream(7)
    with stream, isolate(), pytest.raises(StreamError, match="is entered"):
        stream.load_state_dict(Stream(7).state_dict())


def test_a_damaged_state_is_refused_on_entering_and_the_outside_stays():
    stream = Stream(7)
    with stream:
        draw()
    saved = stream.state_dict()
    saved["python/random.Random/position"] = torch.tensor(700)
    stream.load_state_dict(saved)
    before = bare_states()
    with pytest.raises(StateError, match="0 to 624"):
        stream.__enter__()
    assert bare_states() == before
    with isolate():
        draw()
    assert bare_states() == before


@pytest.mark.parametrize("seed", [-1, 2**64, True, 0.5])
def test_a_stream_checks_its_seed(seed):
    with pytest.raises(SeedError):
        Stream(seed)


def test_repr_says_how_to_make_it():
    assert repr(Stream(7, name="eda")) == "Stream(7, name='eda')"


# --- failures on the way out


def test_another_bit_generator_set_inside_is_put_back():
    before = bare_states()
    original = np.random.get_bit_generator()
    try:
        with isolate():
            np.random.set_bit_generator(np.random.PCG64(1))
            np.random.random_sample()
        assert bare_states() == before
    finally:
        state = np.random.get_state()
        np.random.set_bit_generator(original)
        np.random.set_state(state)


def test_all_others_come_back_when_one_cannot(late, monkeypatch):
    late.appear()
    before = bare_states()
    block = isolate()
    block.__enter__()
    draw()

    def fail(native):
        raise OSError("the device went away")

    monkeypatch.setattr(late, "write", fail)
    with pytest.raises(OSError, match="went away"):
        block.__exit__(None, None, None)
    assert bare_states() == before
    assert not ownership.stack._entries


@pytest.mark.parametrize("block", [isolate(), Stream(7)])
def test_states_come_back_when_a_registered_package_fails_at_the_end(block, late, monkeypatch):
    before = bare_states()
    block.__enter__()
    draw()
    late.appear()
    monkeypatch.setattr(late, "name", "python")  # now two sources have one name
    with pytest.raises(RegistryError):
        block.__exit__(None, None, None)
    assert bare_states() == before


# --- sources that come into being inside a block, as a device does


class Late(PythonSource):
    """Not there at first; can be put back to its beginning if told how."""

    can_rewind = True

    def rewind(self):
        if self.can_rewind:
            self._rng.seed(5)
        return self.can_rewind


@pytest.fixture
def late(monkeypatch):
    source = Late("late", random.Random(5))
    present: list[Source] = []
    monkeypatch.setattr(rng_registry, "_BUILT_IN", (*rng_registry._BUILT_IN, Family("late", lambda: present)))
    rng_registry.families.cache_clear()
    source.appear = lambda: present.append(source)
    yield source
    monkeypatch.undo()
    rng_registry.families.cache_clear()


def test_isolate_puts_a_source_that_appeared_back_to_its_beginning(late):
    fresh = late.read()
    with isolate():
        late.appear()
        late._rng.random()
    assert late.read() == fresh


def test_what_cannot_be_put_back_is_an_error_after_all_else_came_back(late):
    late.can_rewind = False
    before = bare_states()
    block = isolate()
    block.__enter__()
    late.appear()
    draw()
    with pytest.raises(StreamError, match="late came into being inside the block"):
        block.__exit__(None, None, None)
    assert bare_states() == before


def test_a_stream_that_could_not_seed_a_source_says_so(late):
    before = bare_states()
    stream = Stream(7)
    stream.__enter__()
    late.appear()
    draw()
    with pytest.raises(StreamError, match="initialise it before entering"):
        stream.__exit__(None, None, None)
    assert bare_states() == before
    assert "late" in capture().names


def test_a_source_that_is_there_at_a_later_entering_is_seeded_by_its_name(late):
    stream = Stream(7)
    with stream:
        draw()
    late.appear()
    with stream:
        first = late._rng.random()
    other = Stream(7)
    with other:
        assert late._rng.random() == first


def test_the_seeds_of_a_stream_are_derived_by_its_name_and_the_source():
    with Stream(2**40, name="eda"):
        numbers = random.random(), np.random.get_bit_generator().random_raw(), torch.initial_seed()
    seed = derive(2**40, "stream", "eda", "numpy")
    numpy_words = np.random.RandomState([seed % 2**32, seed >> 32])
    assert numbers == (
        random.Random(derive(2**40, "stream", "eda", "python")).random(),
        numpy_words._bit_generator.random_raw(),
        derive(2**40, "stream", "eda", "torch.cpu"),
    )


def test_decorators_put_private_generators_back_too():
    holder = [random.Random(1)]
    before = holder[0].getstate()

    @isolate(holder)
    def function():
        return holder[0].random()

    @isolate(holder)
    def generator():
        yield holder[0].random()
        yield holder[0].random()

    expected = random.Random(1)
    expected = [expected.random(), expected.random()]
    assert function() == expected[0]
    assert holder[0].getstate() == before
    values = []
    for value in generator():
        values.append(value)
        assert holder[0].getstate() == before
    assert values == expected
    assert generator.__name__ == "generator"
