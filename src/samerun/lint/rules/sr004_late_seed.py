"""A generator is seeded after it was drawn from.

What it does:
    Follows what the script does from its first line, into the functions that it calls, and finds a seed before which
    the same generator was drawn from: by a model that made its weights, a split, a shuffle. It is silent where the
    draw, or an earlier seed, happens only sometimes, and where nothing that was drawn is used after the seed: a
    function is tried out, a cell of a notebook shows what a layer does. What a module keeps in a name that it never
    reads may be used by another one.

Why it is bad:
    What was drawn before is not governed by the seed. Every generator that was not seeded yet begins elsewhere in each
    process, so that it is another in each run, although there is a seed in the script.

Example:
    ::

        model = nn.Linear(2, 1)
        torch.manual_seed(0)

Experiment:
    The seed is the same in all runs, after the model is made or before::

        import torch


        def run(seed_first):
            torch.seed()  # from the operating system, as when a process begins
            if seed_first:
                torch.manual_seed(0)
            model = torch.nn.Linear(2, 1)
            if not seed_first:
                torch.manual_seed(0)
            return model.weight


        print("seeded after, the same weights:", torch.equal(run(False), run(False)))
        print("seeded before, the same weights:", torch.equal(run(True), run(True)))

    It prints::

        seeded after, the same weights: False
        seeded before, the same weights: True

Use instead:
    The seed first::

        torch.manual_seed(0)
        model = nn.Linear(2, 1)

When to silence:
    When what was drawn before is loaded over: weights that come from a checkpoint.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.flow import Event
from samerun.lint.rule import Rule
from samerun.lint.syntax import FUNCTIONS, begin
from samerun.lint.vocabulary import IN_PLACE, LIBRARIES

__all__ = ["RULE"]

_WHAT = {"draw": "was drawn from", "model": "made the weights of a model", "split": "split the data"}
# What may be run again, or not, so that the order of the text tells nothing.
_NESTED = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.TryStar, ast.ClassDef)


def _check(file: File) -> Iterable[Finding]:
    drawn: defaultdict[str, list[Event]] = defaultdict(list)
    seeded: set[str] = set()
    for event in file.timeline:
        if event.kind == "unknown-seed":
            return  # it may have seeded anything
        if event.kind in ("seed", "restore"):
            late = [(one, draw) for one in event.libraries if one not in seeded for draw in drawn[one]]
            seeded.update(event.libraries)
            found = next(((one, draw) for one, draw in late if _lasts(file, draw, event)), None)
            if found is not None and event.kind == "seed":
                yield _finding(file, event, *found)
        elif event.kind in _WHAT and event.certain:
            for library in event.libraries:
                if library not in seeded:
                    drawn[library].append(event)


def _lasts(file: File, draw: Event, seed: Event) -> bool:
    """Return whether what was drawn may be used after the seed: not what was thrown away, or kept in a name till then.

    Splits are taken to last, and so is what is drawn and seeded in one call of the project.
    """
    statement = file.statement(draw.site)
    if draw.kind == "split" or draw.site is seed.site or draw.training:
        return True
    if isinstance(statement, ast.Expr):
        return draw.kind == "model" or not _is_thrown_away(file, draw, statement)
    if not isinstance(statement, ast.Assign) or file.enclosing(statement, *_NESTED) is not None:
        return True
    names = [node for target in statement.targets for node in ast.walk(target)]
    if any(isinstance(node, ast.Attribute | ast.Subscript) for node in names):
        return True
    return any(_is_read_after(file, node, seed) for node in names if isinstance(node, ast.Name))


def _is_thrown_away(file: File, draw: Event, statement: ast.Expr) -> bool:
    """Return whether nothing of a draw is left after a statement that is a draw itself or a call without arguments."""
    call = statement.value
    if not isinstance(call, ast.Call) or draw.name.startswith(IN_PLACE):
        return False
    return call is draw.node or (file.definition(call) is not None and not call.args and not call.keywords)


def _is_read_after(file: File, target: ast.Name, seed: Event) -> bool:
    """Return whether a name of the module may have the value that it is given here when it is read after the seed.

    One that is read nowhere may be for other modules, if it is no notebook that it stands in.
    """
    module = file.index.module
    places = sorted(begin(binding.node) for binding in module.names.get(target.id, []))
    reads = [one for one in file.nodes(ast.Name) if one.id == target.id and isinstance(one.ctx, ast.Load)]
    reads = [one for one in reads if file.index.scopes[one].home(one.id) is module]
    for node in reads:
        if file.enclosing(node, *FUNCTIONS) is not None:
            return True  # whenever it is called
        last = max((place for place in places if place < begin(node)), default=None)
        if begin(node) > begin(seed.site) and last == begin(target):
            return True
    return not reads and file.notebook is None


def _finding(file: File, seed: Event, library: str, draw: Event) -> Finding:
    message = f"{LIBRARIES[library]} is seeded after it {_WHAT[draw.kind]} in {draw.where(file)}"
    return Finding(RULE.code, message, file.range(seed.place(file)))


RULE = Rule("SR004", "late-seed", "a generator is seeded after it was drawn from", _check)
