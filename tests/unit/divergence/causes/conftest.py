from __future__ import annotations

import itertools

import pytest

from planted import ENVIRONMENT, SEEDED
from runs import plain, record
from samerun.divergence.causes.registry import diagnose
from samerun.divergence.compare import compare_runs
from samerun.divergence.evidence import Evidence


@pytest.fixture
def judge(tmp_path):
    """Return a function that records two traces and gives what is diagnosed."""

    pairs = itertools.count()

    def write(path, options):
        meta = {"environment": ENVIRONMENT, **options.pop("meta", {})}
        return record(path, options.pop("content", plain), meta=meta, **{"notes": SEEDED, **options})

    def judge(first, second, **options):
        folder = tmp_path / str(next(pairs))
        folder.mkdir()
        run = compare_runs(write(folder / "A.trace", dict(first)), write(folder / "B.trace", dict(second)), **options)
        found = diagnose(Evidence(run.worst))
        run.close()
        return found

    return judge
