"""A checkpoint holds the model and the optimizer, and no state of a generator.

What it does:
    Finds dictionaries with the ``state_dict()`` of a model and of an optimizer in files that draw while they train
    (a loader that shuffles, dropout, random transforms, draws in the loop or for each item, be it in functions and
    classes of the project that they use) and that nowhere read the state of a generator, or call a function whose name
    says that it deals with such states. Where nothing in the file loads the optimizer again, so that it may be no
    checkpoint to resume from, it is said under ``--pedantic`` alone.

Why it is bad:
    A run that is resumed begins with other generators than the one that was interrupted: the order of the data, the
    dropout and the augmentations are others from the first step. It is another run, and whether its result is
    better or worse than the whole one is chance.

Example:
    ::

        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)

Experiment:
    Ten steps, and the last five of them after a resume, with and without the generators::

        import torch

        import samerun


        def train(steps, model, optimizer):
            for _ in range(steps):
                optimizer.zero_grad()
                torch.dropout(model(torch.ones(1, 8)), 0.5, True).sum().backward()
                optimizer.step()


        def run(resumed, generators=False):
            samerun.seed_everything(0)
            model = torch.nn.Linear(8, 8)
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            train(5, model, optimizer)
            state = samerun.capture()
            if resumed:
                samerun.seed_everything(0)  # what the script does when it is started again
            if generators:
                samerun.restore(state)
            train(5, model, optimizer)
            return model.weight


        print("model and optimizer:", torch.equal(run(False), run(True)))
        print("and the generators:", torch.equal(run(False), run(True, generators=True)))

    It prints::

        model and optimizer: False
        and the generators: True

Use instead:
    Save the generators, too, and restore them last::

        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "rng": samerun.capture().state_dict()}, path)
        ...
        samerun.restore(checkpoint["rng"])

    Or let ``samerun.Run`` do all of it.

When to silence:
    When a resumed run need not be the same as one that was never interrupted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from samerun.lint.checkpoints import tells_of_generators
from samerun.lint.draws import TrainingDraw, training_draws
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import called

__all__ = ["RULE"]

# They keep the generators beside the checkpoints of a file, or offer to.
_KEEPERS = ("lightning.Trainer", "transformers.Trainer", "samerun.Run", "samerun.Stream", "torchtnt.framework.train")
_STATES = frozenset(("getstate", "get_rng_state", "get_rng_state_all", "bit_generator", "save_state"))
_DRAWS = {
    "shuffle": "the order of the data",
    "dropout": "the dropout",
    "transform": "what the transform draws",
    "item": "what is drawn for an item",
    "step": "what a step draws",
}


def _check(file: File) -> Iterable[Finding]:
    checkpoints = [one for one in (*file.checkpoints.written, *file.checkpoints.reached) if not one.open]
    checkpoints = [one for one in checkpoints if not any(tells_of_generators(key) for key in one.keys)]
    if not checkpoints or any(map(_keeps_generators, {file, *(one.file for one in checkpoints)})):
        return
    draws = training_draws(file)
    if not draws:
        return
    # One is enough: what is to be done is done once.
    first = min(checkpoints, key=lambda one: (one.site.lineno, one.site.col_offset))
    yield Finding(RULE.code, _message(file, draws[0]), file.range(first.site), pedantic=not file.checkpoints.resumes)


def _message(file: File, draw: TrainingDraw) -> str:
    what = f"{_DRAWS[draw.kind]} ({file.where(draw.node)})"
    return f"the checkpoint holds no state of a generator: after a resume {what} is not as it would have been"


def _keeps_generators(file: File) -> bool:
    if file.does("capture") or any(name.startswith(_KEEPERS) for name in file.called):
        return True
    if any(file.attributes(name) for name in _STATES):
        return True
    # Functions such as save_rng_state, wherever they come from.
    names = map(called, file.nodes(ast.Call))
    return any("rng" in name and "state" in name for name in names)


RULE = Rule("SR010", "checkpoint-without-generators", "a checkpoint holds no state of a generator", _check)
