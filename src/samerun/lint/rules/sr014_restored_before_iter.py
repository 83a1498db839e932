"""Generators are restored before the loop over the loader begins, and their states were read within it.

What it does:
    Finds loops over torch's loader, or one whose name says so, before which torch's generator is restored and in
    which its state is read for the checkpoint; also loops that call ``next`` of ``iter(loader)``. Loaders with a
    ``generator=`` of their own are left out, and loops that skip batches, which SR013 finds.

Why it is bad:
    When a loop over a loader begins, the loader draws a seed for its workers, whether it has any or not, and with
    ``shuffle=True`` another one for the order, from torch's generator. In the run that was interrupted this was before
    the state was read; after the resume it happens once more, and everything that is drawn then is shifted.

Example:
    ::

        torch.set_rng_state(checkpoint["rng"])  # read in the middle of an epoch
        for batch in rest_of_the_epoch:
            ...

Experiment:
    The state is read after the first of two batches::

        import torch
        from torch.utils.data import DataLoader


        def resumed(state, restore_first):
            if restore_first:
                torch.set_rng_state(state)
            iterator = iter(DataLoader([2, 3], batch_size=2))  # the rest of the data
            if not restore_first:
                torch.set_rng_state(state)
            next(iterator)
            return torch.rand(1).item()


        torch.manual_seed(0)
        iterator = iter(DataLoader([0, 1, 2, 3], batch_size=2))
        next(iterator)
        state = torch.get_rng_state()
        next(iterator)
        whole = torch.rand(1).item()
        print("restored before iter:", resumed(state, True) == whole)
        print("restored after iter:", resumed(state, False) == whole)

    It prints::

        restored before iter: False
        restored after iter: True

Use instead:
    Begin to iterate, and restore the generators then, before the first batch is asked for::

        batches = iter(loader)
        samerun.restore(checkpoint["rng"])
        for batch in batches:
            ...

    That is for a loader that does not shuffle and whose workers do not draw. Without workers, one that shuffles draws
    the order only when the first batch is asked for, so after the generators were restored; and workers have their
    seeds by then. ``samerun.DataLoader`` draws nothing from global generators, here or there.

When to silence:
    When the states that are restored are always those of the end of an epoch.
"""

from __future__ import annotations

from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.resumption import resumed_loops
from samerun.lint.rule import Rule

__all__ = ["RULE"]


def _check(file: File) -> Iterable[Finding]:
    told: set[object] = set()
    for one in resumed_loops(file):
        inside, _ = one.captured
        if one.skip is not None or not inside or one.restore.node in told:
            continue
        told.add(one.restore.node)
        what = "the loop" if one.begin is one.loop else "iter"
        message = f"generators are restored before {what} of {file.where(one.begin)} begins, which draws from them"
        yield Finding(RULE.code, message, file.range(one.restore.place(file)))


RULE = Rule("SR014", "restored-before-iter", "generators are restored before the loop over the loader begins", _check)
