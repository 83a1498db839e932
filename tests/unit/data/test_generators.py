from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from draws import bare_states, draw
from noisy import Lazy, Private
from samerun.data.generators import Generators, lent, wanted
from samerun.derive import derive
from samerun.errors import LoaderError
from samerun.rng.registry import global_sources

KEYS = st.integers(0, 2**64 - 1)


# --- which sources


def test_all_are_wanted_by_default():
    assert wanted(None) is None


@pytest.mark.parametrize("rngs", ["torch", "torch.cpu", "python", ["numpy", "torch"], (), ("torch.cuda:0",)])
def test_names_become_a_tuple_and_stay_as_they_are(rngs):
    names = (rngs,) if isinstance(rngs, str) else tuple(rngs)
    assert wanted(rngs) == names
    assert wanted(wanted(rngs)) == names


@pytest.mark.parametrize("rngs", ["tensorflow", "tor", ["python", "nump"], "torch.cp", ""])
def test_names_of_nothing_are_refused(rngs):
    with pytest.raises(ValueError, match=r"is not an RNG source; there are numpy, python, torch.cpu|there are python"):
        wanted(rngs)


def test_all_global_sources_are_keyed_and_the_private_ones_inside_by_path():
    found = Generators(None, dataset=Private(), collate_fn=None)
    assert set(global_sources()) <= set(found.keyed)
    assert not found.unkeyed
    assert set(found.keyed) - set(global_sources()) == {
        "dataset.python",
        "dataset.generator",
        "dataset.legacy",
        "dataset.torch",
        "dataset.shared.<Shared>.R",
        "dataset.own.R",
    }


def test_what_is_not_wanted_is_watched_but_private_ones_are_keyed_all_the_same():
    found = Generators(("torch",), dataset=Private())
    assert "torch.cpu" in found.keyed
    assert {"python", "numpy"} <= set(found.unkeyed)
    assert {name for name in found.keyed if name.startswith("dataset.")} == {
        name for name in Generators(None, dataset=Private()).keyed if name.startswith("dataset.")
    }


def test_a_generator_that_came_later_is_found_when_it_is_looked_for():
    dataset = Lazy()
    found = Generators(None, dataset=dataset)
    assert not found.discover()
    dataset[0]
    assert "dataset.generator" not in found.keyed
    assert found.discover()
    assert "dataset.generator" in found.keyed
    assert not found.discover()


# --- keys


def private_draws(dataset):
    return dataset[0].numpy().tobytes()


@given(KEYS)
def test_the_three_are_seeded_with_parts_of_the_key(key):
    random.seed(key)
    np.random.seed(key >> 32)
    torch.manual_seed(key)
    expected = bare_states()
    draw()
    Generators(None).key(key)
    assert bare_states() == expected


@given(KEYS)
def test_a_gaussian_in_store_does_not_survive_a_key(key):
    found = Generators(None)
    found.key(key)
    expected = draw()
    for _ in range(2):
        random.gauss(0, 1)
        np.random.standard_normal()
        found.key(key)
        assert draw() == expected


@given(KEYS)
def test_private_ones_are_seeded_with_a_key_of_their_own_path(key):
    dataset, other = Private(), Private()
    Generators(None, dataset=dataset).key(key)
    found = Generators(None, dataset=other)
    for name, source in found.keyed.items():
        if name.startswith("dataset."):
            source.seed(derive(key, name))
    dataset.shared, other.shared = dataset.own, other.own  # a class has one generator for both
    assert private_draws(dataset) == private_draws(other)


@given(KEYS, KEYS)
def test_another_key_gives_other_draws_everywhere(one, other):
    if one == other:
        return
    dataset = Private()
    found = Generators(None, dataset=dataset)
    found.key(one)
    first = dataset[0].tolist()[1:]
    found.key(other)
    second = dataset[0].tolist()[1:]
    assert not set(first) & set(second)
    assert len(set(first)) == len(first)  # nor do any two of them draw alike


@pytest.mark.parametrize("rngs", ["python", "numpy", "torch", ["python", "torch"], ["numpy", "python", "torch"]])
def test_fewer_sources_give_what_they_give_with_all_and_the_others_stay(rngs):
    Generators(None).key(2**63 + 5)
    keyed = bare_states()
    draw()
    before = bare_states()
    Generators(wanted(rngs)).key(2**63 + 5)
    for place, name in enumerate(("python", "numpy", "torch")):
        assert bare_states()[place] == (keyed if name in rngs or name == rngs else before)[place]


# --- sources that are not keyed


@pytest.mark.parametrize(
    ("name", "drawing"),
    [
        ("python", lambda: random.random()),
        ("python", lambda: random.gauss(0, 1)),
        ("numpy", lambda: np.random.random_sample()),
        ("numpy", lambda: np.random.standard_normal()),
        ("numpy", lambda: np.random.seed(0)),
        ("torch.cpu", lambda: torch.rand(())),
    ],
)
@pytest.mark.parametrize("stored", [False, True])
def test_every_draw_from_them_is_noticed(name, drawing, stored):
    if stored:  # gaussians that come out without a word being used
        random.gauss(0, 1)
        np.random.standard_normal()
    found = Generators(())
    found.refuse_draws(found.watch(), "nothing")
    watched = found.watch()
    drawing()
    with pytest.raises(LoaderError, match=f"^{name}: an item drew from it, but rngs=.. leaves it out.*add '{name}'"):
        found.refuse_draws(watched, "an item")


def test_a_full_round_of_python_s_words_is_noticed():
    # After 624 words the index alone is back where it was.
    found = Generators(("numpy", "torch"))
    watched = found.watch()
    for _ in range(624):
        random.getrandbits(32)
    with pytest.raises(LoaderError, match=r"^python"):
        found.refuse_draws(watched, "an item")


def test_watching_draws_nothing():
    np.random.standard_normal()
    before = bare_states()
    found = Generators(())
    found.refuse_draws(found.watch(), "nothing")
    assert bare_states() == before


# --- lending


def test_what_is_lent_comes_back_also_when_the_body_raises():
    torch.set_num_threads(threads := torch.get_num_threads())
    dataset = Private()
    found = Generators(None, dataset=dataset)
    before = bare_states()
    first = dataset.python.getstate(), repr(dataset.generator.bit_generator.state), dataset.torch.get_state().tolist()
    with pytest.raises(ZeroDivisionError), lent(found.keyed.values()):
        assert torch.get_num_threads() == 1
        found.key(3)
        draw()
        dataset[0]
        raise ZeroDivisionError
    assert bare_states() == before
    after = dataset.python.getstate(), repr(dataset.generator.bit_generator.state), dataset.torch.get_state().tolist()
    assert after == first
    assert torch.get_num_threads() == threads


def test_a_cached_gaussian_comes_back_too():
    random.gauss(0, 1)
    np.random.standard_normal()
    before = bare_states()
    with lent(Generators(None).keyed.values()):
        draw()
    assert bare_states() == before


DRAWS = {
    "python": [random.random, lambda: random.gauss(0, 1), lambda: random.getrandbits(32 * 624), lambda: random.seed(1)],
    "numpy": [np.random.random_sample, np.random.standard_normal, lambda: np.random.bytes(4 * 624)],
    "torch.cpu": [lambda: torch.rand(1), lambda: torch.randn(1, dtype=torch.float64), lambda: torch.randperm(2000)],
}


@given(st.sampled_from(sorted(DRAWS)), st.integers(0, 1300), st.booleans(), st.integers(0, 3))
def test_every_draw_from_a_watched_source_is_noticed_and_nothing_else_is(name, words, stored, which):
    torch.manual_seed(words)
    random.seed(words)
    np.random.seed(words)
    random.getrandbits(32 * words) if words else None
    np.random.bytes(4 * words)
    if stored:
        random.gauss(0, 1)
        np.random.standard_normal()
    before = bare_states()
    watched = Generators(()).watch()
    assert not any(moved() for moved in watched.values())
    assert bare_states() == before
    DRAWS[name][which % len(DRAWS[name])]()
    assert [one for one, moved in watched.items() if moved()] == [name]
