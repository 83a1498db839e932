from __future__ import annotations

import copy
import io
import json
import pickle
import random

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file, save_file

from draws import draw
from hostile import seal
from samerun.rng import RngState, capture, restore


def by_torch(state, folder):
    buffer = io.BytesIO()
    torch.save(state.state_dict(), buffer)
    buffer.seek(0)
    loaded = RngState()
    loaded.load_state_dict(torch.load(buffer, weights_only=True))
    return loaded


def by_safetensors(state, folder):
    save_file(state.state_dict(), folder / "rng.safetensors")
    loaded = RngState()
    loaded.load_state_dict(load_file(folder / "rng.safetensors"))
    return loaded


def by_distributed_checkpoint(state, folder):
    dcp.save({"rng": state}, checkpoint_id=folder / "dcp", no_dist=True)
    template = capture()
    dcp.load({"rng": template}, checkpoint_id=folder / "dcp", no_dist=True)
    return template


@pytest.mark.parametrize("way", [by_torch, by_safetensors, by_distributed_checkpoint])
@pytest.mark.filterwarnings("ignore::UserWarning:torch.distributed")  # about running in a single process
@pytest.mark.filterwarnings("ignore::FutureWarning:torch.distributed")
def test_a_state_survives_every_common_format(way, tmp_path):
    draw()  # with cached gaussians in it
    state = capture()
    expected = draw()
    loaded = way(state, tmp_path)
    assert loaded == state
    assert loaded.fingerprint() == state.fingerprint()
    restore(loaded)
    assert draw() == expected


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))])
def test_copies_are_equal_and_can_be_restored(way):
    holder = [random.Random(1)]
    state = capture(holder)
    expected = draw()
    copied = way(state)
    assert copied == state
    restore(copied, holder)
    assert draw() == expected


def test_it_satisfies_the_stateful_protocol():
    assert isinstance(RngState(), torch.distributed.checkpoint.stateful.Stateful)


def test_state_dict_is_flat_small_and_made_of_dense_tensors():
    tensors = capture().state_dict()
    assert all(type(value) is torch.Tensor and value.layout is torch.strided for value in tensors.values())
    assert sum(value.nbytes for value in tensors.values()) < 12_000
    json.dumps({key: value.tolist() for key, value in tensors.items()})


def test_state_dict_shares_no_memory_with_the_state():
    state = capture()
    before = state.fingerprint()
    for value in state.state_dict().values():
        value.zero_()
    assert state.fingerprint() == before
    tensors = state.state_dict()
    loaded = RngState()
    loaded.load_state_dict(tensors)
    for value in tensors.values():
        value.zero_()
    assert loaded.fingerprint() == before


def test_tensors_that_are_slices_of_a_larger_one_are_read_rightly():
    state = capture()
    expected = draw()
    pool = torch.cat([torch.full((8,), 255, dtype=torch.uint8), state.state_dict()["torch.cpu/torch.mt19937/bytes"]])
    loaded = RngState()
    loaded.load_state_dict({**state.state_dict(), "torch.cpu/torch.mt19937/bytes": pool[8:]})
    restore(loaded)
    assert draw() == expected


def test_names_with_slashes_survive():
    state = capture({"a/b": random.Random(1)})
    loaded = RngState()
    loaded.load_state_dict(state.state_dict())
    assert loaded.names == state.names
    assert "objects[0]['a/b']" in loaded


# --- differences


def advance_python(draws):
    random.getrandbits(32 * draws) if draws else None


def advance_numpy(draws):
    np.random.bytes(4 * draws)


def advance_torch(draws):
    torch.empty(draws, dtype=torch.int32).random_()


ADVANCE = {"python": advance_python, "numpy": advance_numpy, "torch.cpu": advance_torch}


@pytest.mark.parametrize("draws", [1, 2, 3, 623, 624, 625, 1248, 100_000, 624_000, 624_001])
@pytest.mark.parametrize("name", ADVANCE)
def test_the_number_of_draws_between_two_states_is_exact(name, draws):
    before = capture()
    ADVANCE[name](draws)
    after = capture()
    for other in ADVANCE.keys() - {name}:
        assert before.diff(after)[other].same
    assert before.diff(after)[name].draws == draws
    assert after.diff(before)[name].draws == -draws
    assert not before.diff(after)[name].same


def test_a_just_seeded_generator_counts_from_its_seed():
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    before = capture()
    assert not before.diff(capture())
    random.random(), np.random.random_sample(), torch.rand(5)
    difference = before.diff(capture())
    assert str(difference) == "numpy      2 draws ahead\npython     2 draws ahead\ntorch.cpu  5 draws ahead"
    assert bool(difference)


def test_unreachable_states_are_said_to_be_with_the_bound():
    before = capture()
    np.random.seed(99)
    difference = before.diff(capture(), bound=10_000)["numpy"]
    assert difference.draws is None
    assert difference.text == "differs; neither is reachable from the other within 10,000 draws"


def test_the_bound_is_inclusive():
    before = capture()
    advance_numpy(1000)
    assert before.diff(capture(), bound=1000)["numpy"].draws == 1000
    assert before.diff(capture(), bound=999)["numpy"].draws is None


def test_a_difference_in_the_cached_gaussian_alone_is_seen():
    random.gauss(0, 1)
    before = capture()
    random.gauss(0, 1)  # takes the cached one and draws nothing
    difference = before.diff(capture())["python"]
    assert (difference.same, difference.draws) == (False, 0)
    assert "cached gaussian" in difference.text


def test_sources_of_one_state_only_and_other_kinds_are_said():
    objects = [np.random.default_rng(1)]
    difference = capture(objects).diff(capture())
    assert difference["objects[0][0]"].text == "only in the first state"
    assert capture().diff(capture(objects))["objects[0][0]"].text == "only in the second state"
    other = capture([np.random.Generator(np.random.Philox(1))])
    assert (
        capture(objects).diff(other)["objects[0][0]"].text
        == "numpy.PCG64 in the first state, numpy.Philox in the second"
    )
    later = capture(objects)
    objects[0].random()
    assert later.diff(capture(objects))["objects[0][0]"].text == "differs"


def test_philox_states_count_their_offset():
    def state(seed, offset):
        loaded = RngState()
        raw = torch.from_numpy(np.array([seed, offset], dtype=np.uint64).view(np.uint8))
        loaded.load_state_dict(seal({"version": torch.tensor(1), "torch.cuda:0/torch.philox/bytes": raw}))
        return loaded

    assert state(1, 4).diff(state(1, 12))["torch.cuda:0"].draws == 8
    assert "ahead" in state(1, 4).diff(state(1, 12))["torch.cuda:0"].text
    assert state(1, 4).diff(state(2, 4))["torch.cuda:0"].text == "seed 1 in the first state, 2 in the second"


@pytest.mark.parametrize("damaged", [torch.zeros(3, dtype=torch.uint8), torch.zeros(16), None])
def test_a_damaged_philox_state_can_still_be_compared(damaged):
    def state(raw, field="bytes"):
        loaded = RngState()
        loaded.load_state_dict(seal({"version": torch.tensor(1), f"torch.cuda:0/torch.philox/{field}": raw}))
        return loaded

    whole = state(torch.zeros(16, dtype=torch.uint8))
    other = state(torch.zeros(1), "other") if damaged is None else state(damaged)
    assert whole.diff(other)["torch.cuda:0"].text == "differs"


def test_a_damaged_state_can_still_be_compared():
    damaged = RngState()
    damaged.load_state_dict({**capture().state_dict(), "python/random.Random/words": torch.zeros(3)})
    assert capture().diff(damaged)["python"].text == "differs"


def test_equality_is_by_bits():
    state = capture()
    assert state == capture()
    assert state != "state"
    random.random()
    assert state != capture()
    with pytest.raises(TypeError):
        hash(state)


def test_fingerprints_are_per_source():
    before = capture().fingerprint()
    np.random.random_sample()
    after = capture().fingerprint()
    assert [name for name in before if before[name] != after[name]] == ["numpy"]
    assert all(len(digest) == 32 and int(digest, 16) >= 0 for digest in after.values())


def test_repr_shows_sources_with_short_hashes():
    state = capture()
    assert f"  python     {state.fingerprint()['python'][:12]}" in repr(state)
    assert repr(RngState()) == "RngState(empty)"


def test_a_loaded_state_shares_no_memory_with_its_state_dict():
    loaded = RngState()
    loaded.load_state_dict(capture().state_dict())
    before = loaded.fingerprint()
    for value in loaded.state_dict().values():
        value.zero_()
    assert loaded.fingerprint() == before


def test_names_are_sorted():
    assert list(capture().names) == sorted(capture().names)
    assert len(capture()) == len(capture().names)


def test_one_draw_is_singular_in_both_directions():
    before = capture()
    advance_numpy(1)
    after = capture()
    assert before.diff(after)["numpy"].text == "1 draw ahead"
    assert after.diff(before)["numpy"].text == "1 draw behind"


def test_a_difference_without_a_count_is_one():
    objects = [np.random.default_rng(1)]
    before = capture(objects)
    objects[0].random()
    assert before.diff(capture(objects))


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError, match="cupy"):
        _ = capture().diff(capture())["cupy"]


def test_what_is_beside_the_words_is_compared():
    generator, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    torch.empty(2, dtype=torch.float64).normal_(generator=other)
    words_alike = capture([generator]).diff(capture([other]))["objects[0][0]"]
    assert not words_alike.same
    state = generator.get_state()
    state[0] = 7  # another initial seed, the same words
    other.set_state(state)
    difference = capture([generator]).diff(capture([other]))["objects[0][0]"]
    assert (difference.draws, difference.text) == (0, "no draw apart; the cached gaussian or the initial seed differs")


def test_private_mersenne_twisters_count_their_draws_too():
    bits = np.random.MT19937(1)
    before = capture([bits])
    bits.random_raw(7)
    assert before.diff(capture([bits]))["objects[0][0]"].draws == 7
