"""How far each source is from its seed."""

from __future__ import annotations

import pytest
import torch

from samerun.notebook.seeds import Distance, distance
from samerun.rng.source import Packed


def far(cells, name):
    return str(distance(cells.recorder.journal, name, cells.recorder.read()[name]))


@pytest.mark.parametrize(
    ("seed", "name", "expected"),
    [
        ("samerun.seed_everything(42);", "python", "4 since seed 42"),
        ("samerun.seed_everything(42);", "numpy", "2 since seed 42"),
        ("samerun.seed_everything(42);", "torch.cpu", "3 since seed 42"),
        ("samerun.seed_everything(2**40, scheme='independent');", "python", "4 since seed 1099511627776 (independent)"),
        ("random.seed(11); np.random.seed(12); torch.manual_seed(13);", "python", "4 since seed 11"),
        ("random.seed(11); np.random.seed(12); torch.manual_seed(13);", "numpy", "2 since seed 12"),
        ("random.seed(11); np.random.seed(12); torch.manual_seed(13);", "torch.cpu", "3 since seed 13"),
        ("random.seed(str(11))", "python", "2 since the end of In[5]"),
    ],
)
def test_draws_since_the_seed_are_counted_also_those_of_the_seeding_cell(cells, seed, name, expected):
    cells("import samerun", f"{seed}\nrandom.random()", "random.random(); np.random.rand(); torch.rand(3)")
    assert far(cells, name) == expected


def test_without_a_seed_from_the_beginning_of_the_journal(cells):
    cells("random.seed('a word')")
    cells.recorder.journal.__init__()
    cells("x = 1", "random.random()")
    assert far(cells, "python") == "2 since the journal began"


def test_where_draws_are_not_counted(cells):
    cells("rng = np.random.default_rng(0)", "%rng watch rng", "rng.random()")
    assert far(cells, "rng") == "not counted since the end of In[5]"


def test_cuda_s_state_says_it_itself(cells):
    state = torch.tensor([42, 12]).view(torch.uint8)
    packed = Packed("torch.philox", {"bytes": state})
    assert distance(cells.recorder.journal, "torch.cuda:0", packed) == Distance(12, "seed 42")


def test_a_cell_that_is_no_python_is_no_obstacle(cells):
    cells("%time random.seed(11)", "random.random()")
    assert far(cells, "python") == "2 since the end of In[4]"
