"""Fixtures that tests of several folders share."""

from collections.abc import Iterator

import pytest

from browser import chromium

__all__ = ["chromium", "impatient"]


@pytest.fixture(scope="module")
def impatient() -> Iterator[None]:
    """Give workers of loaders 0.2 seconds each to end, not 5: some that have failed, and those of torchdata, do not."""
    from torch.utils.data import _utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
        yield
