from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from draws import bare_states, draw
from samerun.derive import derive
from samerun.errors import DiscoveryError, SeedError
from samerun.rng import find_generators, seed_everything
from samerun.rng.seeding import last_seed


@pytest.mark.parametrize("scheme", ["classic", "independent"])
def test_same_seed_same_draws_and_another_seed_other_draws(scheme):
    runs = []
    for seed in (7, 7, 8):
        seed_everything(seed, scheme=scheme)
        runs.append(draw())
    assert runs[0] == runs[1]
    assert all(first != second for first, second in zip(runs[0], runs[2], strict=True))


def test_classic_is_what_the_libraries_make_of_the_integer():
    seed_everything(123)
    ours = bare_states()
    random.seed(123)
    np.random.seed(123)
    torch.manual_seed(123)
    assert ours == bare_states()


def raw_words():
    numpy_word = np.random.get_bit_generator().random_raw()
    return numpy_word % 2**31, torch.empty((), dtype=torch.int32).random_().item()  # torch keeps 31 of 32 bits


def test_one_integer_makes_numpy_and_torch_draw_identical_words_and_independent_seeds_do_not():
    seed_everything(42, scheme="classic")
    classic = [raw_words() for _ in range(10)]
    assert all(numpy_word == torch_word for numpy_word, torch_word in classic)
    seed_everything(42, scheme="independent")
    independent = [raw_words() for _ in range(10)]
    assert not any(numpy_word == torch_word for numpy_word, torch_word in independent)


def test_independent_seeds_are_derived_by_name():
    report = seed_everything(2**40, scheme="independent")
    assert report.seeded == {name: derive(2**40, "rng", name) for name in ("python", "numpy", "torch.cpu")}
    assert torch.initial_seed() == report.seeded["torch.cpu"]


def test_seeding_forgets_cached_gaussians():
    random.gauss(0, 1)
    np.random.standard_normal()
    torch.empty((), dtype=torch.float64).normal_()
    seed_everything(5)
    first = draw()
    seed_everything(5)
    assert draw() == first


@pytest.mark.parametrize("seed", [-1, 2**32, True, 1.0, "42", None, np.float32(3), np.bool_(True), torch.tensor(1.5)])
def test_a_wrong_seed_says_the_range_and_seeds_nothing(seed):
    before = bare_states()
    with pytest.raises(SeedError, match=r"from 0 to 2\*\*32 - 1") as caught:
        seed_everything(seed)
    assert caught.value.found is seed
    assert bare_states() == before


def test_independent_takes_64_bits_and_no_more():
    seed_everything(2**64 - 1, scheme="independent")
    with pytest.raises(SeedError, match=r"2\*\*64 - 1"):
        seed_everything(2**64, scheme="independent")


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="'classic', 'independent'"):
        seed_everything(1, scheme="clasic")


@pytest.mark.parametrize("seed", [np.int64(42), np.uint32(42), torch.tensor(42)])
def test_integers_of_other_libraries_are_fine(seed):
    assert seed_everything(seed).seed == 42


def private_objects():
    return {
        "python": random.Random(0),
        "generator": np.random.default_rng(0),
        "state": np.random.RandomState(0),
        "state_pcg": np.random.RandomState(np.random.PCG64(0)),
        "philox": np.random.Philox(0),
        "torch": torch.Generator(),
    }


def private_draws(objects):
    return [
        objects["python"].random(),
        objects["generator"].random(),
        objects["state"].random_sample(),
        objects["state_pcg"].random_sample(),
        objects["philox"].random_raw(),
        torch.rand((), generator=objects["torch"]).item(),
    ]


@pytest.mark.parametrize("scheme", ["classic", "independent"])
def test_private_generators_are_seeded_by_their_names(scheme):
    first, second = private_objects(), private_objects()
    private_draws(second)
    report = seed_everything(3, first, scheme=scheme)
    seed_everything(3, second, scheme=scheme)
    draws = private_draws(first)
    assert draws == private_draws(second)
    names = {f"objects[0]{path}" for path in find_generators(first)}
    assert {name: report.seeded[name] for name in names} == {name: derive(3, "rng", name) for name in names}
    seed_everything(4, second, scheme=scheme)
    assert all(ours != other for ours, other in zip(draws, private_draws(second), strict=True))


def notes_in_a_process(code, **variables):
    code = f"import os; {code}; import samerun; print(*samerun.seed_everything(42).notes)"
    environment = {"PATH": os.environ["PATH"], **variables}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def test_a_hash_seed_that_only_pretends_is_said_with_the_command_that_helps():
    pretended = notes_in_a_process("os.environ['PYTHONHASHSEED'] = '42'")
    assert "random in this process (PYTHONHASHSEED=42 was set after the start and does nothing)" in pretended
    assert "start with: PYTHONHASHSEED=42 python" in pretended
    assert "random in this process; start with: PYTHONHASHSEED=42" in notes_in_a_process("pass")
    assert "fixed by 7 in this process; start with: PYTHONHASHSEED=42" in notes_in_a_process("pass", PYTHONHASHSEED="7")
    assert notes_in_a_process("pass", PYTHONHASHSEED="42") == ""


def test_the_hash_seed_of_a_64_bit_seed_is_its_lower_half():
    assert "PYTHONHASHSEED=5 " in seed_everything(2**40 + 5, scheme="independent").notes[0]


def test_the_environment_is_not_written_to():
    before = dict(os.environ)
    seed_everything(99)
    assert dict(os.environ) == before


def test_the_report_reads_well():
    text = str(seed_everything(42))
    assert text.startswith("seed 42, scheme classic:\n  python     42\n  numpy      42\n  torch.cpu  42")


def test_zero_is_a_seed():
    assert seed_everything(0).seed == 0


def test_nothing_is_seeded_if_a_private_generator_cannot_be():
    before = bare_states()
    with pytest.raises(DiscoveryError, match="SystemRandom"):
        seed_everything(1, [random.SystemRandom()])
    assert bare_states() == before


def test_the_hint_names_the_scheme_that_takes_more():
    with pytest.raises(SeedError, match=r'scheme="independent" takes up to 2\*\*64 - 1'):
        seed_everything(2**32)
    with pytest.raises(SeedError) as caught:
        seed_everything(2**64, scheme="independent")
    assert "scheme" not in str(caught.value)


def test_in_a_notebook_the_server_is_what_has_to_be_started_anew(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "ipykernel_launcher", "-f", "kernel.json"])
    assert "where the notebook server is started" in seed_everything(42).notes[0]


def test_the_last_seed_is_that_of_the_last_call_that_went_well():
    seed_everything(7)
    seed_everything(np.int64(8), scheme="independent")
    with pytest.raises(SeedError):
        seed_everything(-1)
    assert last_seed() == 8
    code = "from samerun.rng.seeding import last_seed; assert last_seed() is None"
    subprocess.run([sys.executable, "-c", code], check=True)
