"""What the cures of the rules about data and generators make of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from samerun.lint import Linter
from samerun.lint.config import Config
from samerun.lint.fixing import fix

EPOCHS = """\
from torch.utils.data import DataLoader, DistributedSampler
sampler = DistributedSampler(data)
{other}for epoch in range(3):{end}
    # The first batch is the largest.
    for batch in DataLoader(data, sampler=sampler):
        model(batch).backward()
"""
SHUFFLED = "import torch\nfrom torch.utils.data import DataLoader\ntorch.manual_seed(3)\ntorch.rand(3)\n"


def cured(code, text):
    linter = Linter((code,), (), True)
    report = linter.bytes(text.encode(), Path("x.py"), None, Config())
    return fix(report, linter, unsafe=True).after.decode()


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("SR019", "from random import Random\nRandom()", "from random import Random\nRandom(0)"),
        (
            "SR019",
            "import numpy as np\nseed = 3\nnp.random.RandomState()",
            "import numpy as np\nseed = 3\nnp.random.RandomState(seed)",
        ),
        (
            "SR019",
            "import numpy as np\nnp.random.Philox(counter=3)",
            "import numpy as np\nnp.random.Philox(counter=3, seed=0)",
        ),
        (
            "SR019",
            "import torch\ng = torch.Generator('cpu')  # mine\n",
            "import torch\ng = torch.Generator('cpu').manual_seed(0)  # mine\n",
        ),
        ("SR019", "import random\nrandom.Random(None)", "import random\nrandom.Random(None)"),
        (
            "SR021",
            "from sklearn.svm import SVC\nSEED = 3\nSVC(\n    probability=True,\n)",
            "from sklearn.svm import SVC\nSEED = 3\nSVC(\n    probability=True, random_state=SEED,\n)",
        ),
        (
            "SR018",
            "import albumentations as A\nA.Compose([A.Blur()])",
            "import albumentations as A\nA.Compose([A.Blur()], seed=0)",
        ),
        (
            "SR018",
            "import albumentations as A\nA.Compose([A.Blur()], seed=None)",
            "import albumentations as A\nA.Compose([A.Blur()], seed=0)",
        ),
        (
            "SR016",
            f"{SHUFFLED}DataLoader(data, shuffle=True)",
            f"{SHUFFLED}DataLoader(data, shuffle=True, generator=torch.Generator().manual_seed(0))",
        ),
        (
            "SR016",
            f"{SHUFFLED}while x:\n    DataLoader(data, shuffle=True)",
            f"{SHUFFLED}while x:\n    DataLoader(data, shuffle=True)",
        ),
        (
            "SR016",
            f"{SHUFFLED}torch = 3\nDataLoader(data, shuffle=True)",
            f"{SHUFFLED}torch = 3\nDataLoader(data, shuffle=True)",
        ),
    ],
)
def test_generators_get_a_seed(code, before, after):
    assert cured(code, before) == after


def test_a_sampler_is_told_the_epoch_before_anything_else():
    before = EPOCHS.format(other="", end="")
    after = before.replace("    for batch", "    sampler.set_epoch(epoch)\n    for batch")
    assert cured("SR017", before) == after


@pytest.mark.parametrize(
    "before",
    [
        EPOCHS.format(other="sampler = wrapped(sampler)\n", end=""),
        EPOCHS.format(other="", end="").replace("(data)\n", "(data) if x else None\n"),
        EPOCHS.format(other="", end="").replace("for epoch", "for i").replace("(3)", "(epochs)"),
    ],
)
def test_a_sampler_that_may_be_another_one_is_left_alone(before):
    assert cured("SR017", before) == before
