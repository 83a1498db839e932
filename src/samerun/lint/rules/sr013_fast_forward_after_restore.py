"""Batches are skipped by iterating over the loader after the generators were restored.

What it does:
    Finds loops over a loader that leave out the batches that were had before a resume (``if step < start: continue``,
    ``islice``, Accelerate's ``skip_first_batches``) where torch's generator was restored before: by hand, or by
    Accelerate's ``load_state``. It is silent where the generators are restored once the batches are skipped, and
    where their states are read at the beginning of an epoch alone. Where it is not seen when they are read it is
    said under ``--pedantic``.

Why it is bad:
    The states were read in the middle of an epoch. Beginning to iterate draws the order of the epoch from them, so
    it is another order than that of the batches that were had, and making the batches that are skipped draws from
    them once more; ``skip_first_batches`` makes none, but draws the order. What comes after is neither the data nor the
    dropout that it would have been.

Example:
    ::

        torch.set_rng_state(checkpoint["rng"])
        for step, batch in enumerate(loader):
            if step < checkpoint["step"]:
                continue

Experiment:
    The state is read after two of four batches::

        import torch
        from torch.utils.data import DataLoader

        loader = DataLoader(range(8), batch_size=2, shuffle=True)


        def resumed(state, restore_first):
            if restore_first:
                torch.set_rng_state(state)
            else:
                torch.manual_seed(1)  # as it was when the epoch began
            batches = [batch.tolist() for batch in loader][2:]
            if not restore_first:
                torch.set_rng_state(state)
            return batches, torch.rand(1).item()


        torch.manual_seed(1)
        iterator = iter(loader)
        next(iterator), next(iterator)
        state = torch.get_rng_state()
        whole = [batch.tolist() for batch in iterator], torch.rand(1).item()
        print("restored, then skipped:", resumed(state, True) == whole)
        print("skipped, then restored:", resumed(state, False) == whole)

    It prints::

        restored, then skipped: False
        skipped, then restored: True

Use instead:
    A loader that knows where it is and draws from no global generator (``samerun.DataLoader``: the order, and what
    is drawn for an item, follow from the seed and the epoch); or iterate with the state that the epoch began with,
    and restore the generators after the last batch that is skipped.

When to silence:
    When the states that are restored are those of the beginning of the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.resumption import resumed_loops
from samerun.lint.rule import Rule

__all__ = ["RULE"]


def _check(file: File) -> Iterable[Finding]:
    for one in resumed_loops(file):
        inside, outside = one.captured
        if one.skip is None or (outside and not inside):
            continue
        message = f"skipping batches draws from the generators that {one.restore.where(file)} has restored"
        yield Finding(RULE.code, message, file.range(one.skip), pedantic=not inside)


RULE = Rule(
    "SR013", "fast-forward-after-restore", "batches are skipped by iterating after the generators were restored", _check
)
