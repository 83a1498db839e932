"""What tests share that start processes."""

import pytest

from nursery import Nursery


@pytest.fixture(scope="module")
def nursery():
    with Nursery(PYTHONHASHSEED="0") as found:
        yield found
