"""A checkpoint leaves out a schedule, a scaler or an average of weights that the file steps.

What it does:
    Finds dictionaries with the ``state_dict()`` of a model and of an optimizer in files that step a learning-rate
    schedule of torch, a ``GradScaler`` or a moving average of weights, and save its state nowhere. A schedule whose
    place follows from elsewhere (``last_epoch=``, ``step(epoch)``, stepping it up to the epoch of the resume) needs
    none. Where nothing in the file loads the optimizer again it is said under ``--pedantic`` alone.

Why it is bad:
    After a resume the piece begins anew: the warm-up is repeated, the learning rate is that of the first epoch, the
    loss scale goes up to where it overflows and steps are left out, the average forgets what it averaged.

Example:
    ::

        scheduler = CosineAnnealingLR(optimizer, epochs)
        ...
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)

Experiment:
    The learning rates of three epochs more, after five::

        import torch


        def run(resumed, load=False):
            model = torch.nn.Linear(1, 1)
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
            found = []
            for epoch in range(8):
                if epoch == 5 and resumed:
                    saved, schedule = optimizer.state_dict(), scheduler.state_dict()
                    optimizer = torch.optim.SGD(model.parameters(), 0.1)
                    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
                    optimizer.load_state_dict(saved)
                    if load:
                        scheduler.load_state_dict(schedule)
                optimizer.step()
                scheduler.step()
                found.append(round(optimizer.param_groups[0]["lr"], 3))
            return found[5:]


        print("not interrupted:", run(False))
        print("without the schedule:", run(True))
        print("with the schedule:", run(True, load=True))

    It prints::

        not interrupted: [0.039, 0.019, 0.005]
        without the schedule: [0.052, 0.1, 0.095]
        with the schedule: [0.039, 0.019, 0.005]

Use instead:
    Save and load it as well::

        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "scheduler": scheduler.state_dict()}, path)

    ``samerun.Run`` tells what it was not given.

When to silence:
    When the piece is meant to begin anew, as a schedule for another phase of training.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from samerun.lint.checkpoints import name_of, role_of, role_said
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import FUNCTIONS, is_off
from samerun.lint.vocabulary import act

__all__ = ["RULE"]

_STEPS = {
    "step": ("scheduler", "scaler"),
    "update": ("scaler", "average"),
    "update_parameters": ("average",),
}
_STATES = ("state_dict", "load_state_dict")
_PLACES = ("last_epoch", "_step_count")
_SAID = {"scheduler": "learning-rate schedule", "scaler": "gradient scaler", "average": "average of the weights"}
_WEIGHTS = re.compile(r"model|net|param|student", re.IGNORECASE)
_RESUMED = re.compile(r"start|resum|last|global|begin|init", re.IGNORECASE)


def _check(file: File) -> Iterable[Finding]:
    checkpoints = [*file.checkpoints.written, *file.checkpoints.reached]
    if not checkpoints or any(one.open for one in checkpoints):
        return
    saved = {role for one in checkpoints for role in one.roles}
    saved.update(role_said(key) for one in checkpoints for key in one.keys)
    # What is saved or loaded elsewhere, in a file of its own.
    saved.update(role_of(file, node.value) for node in file.nodes(ast.Attribute) if node.attr in _STATES)
    averaging = {where: _averaging(where) for where in {one.file for one in checkpoints}}
    saved.update("average" for one in checkpoints if _function(one.file, one.node) in averaging[one.file])
    first = min(checkpoints, key=lambda one: (one.site.lineno, one.site.col_offset))
    for role, call in _stepped(file):
        if role not in saved:
            saved.add(role)
            message = f"the checkpoint holds no state of the {_SAID[role]} that {file.where(call)} steps"
            yield Finding(RULE.code, message, file.range(first.site), pedantic=not file.checkpoints.resumes)


def _averaging(file: File) -> set[ast.FunctionDef | None]:
    """Return the functions that speak of an average, which one that saves may save in place of the model."""
    found: set[ast.FunctionDef | None] = set()
    nodes: list[ast.Attribute | ast.Name] = [*file.nodes(ast.Attribute), *file.nodes(ast.Name)]
    for node in nodes:
        if role_said(name_of(node)) != "average":
            continue
        around = file.parent(node)
        steps = isinstance(around, ast.Attribute) and around.attr in _STEPS
        makes = isinstance(around, ast.Call) and around.func is node
        if isinstance(node.ctx, ast.Load) and not steps and not makes:
            found.add(_function(file, node))
    return found


def _function(file: File, node: ast.AST) -> ast.FunctionDef | None:
    return file.enclosing(node, ast.FunctionDef)


def _stepped(file: File) -> Iterator[tuple[str, ast.Call]]:
    """Yield what is stepped again and again and has a state that cannot be told from elsewhere."""
    for call in file.nodes(ast.Call):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _STEPS:
            continue
        makers = _makers(file, call.func.value)
        roles = {_role(file, maker) for maker in makers}
        if len(roles) != 1:
            continue
        role = roles.pop()
        if role not in _STEPS[call.func.attr] or any(_needs_no_state(file, maker) for maker in makers):
            continue
        if role == "scheduler" and (_is_told_where(file, call) or _catches_up(file, call)):
            continue
        if role == "average" and not _averages_weights(call):
            continue
        yield role, call


def _makers(file: File, owner: ast.expr) -> list[ast.expr]:
    """Return the calls that may have made something; itself where it is an attribute."""
    if not isinstance(owner, ast.Name):
        return [owner]
    bindings = file.names.bindings(owner)
    values = [binding.value for binding in bindings]
    if len(bindings) == 1 and isinstance(bindings[0].node, ast.arg):
        values = [*_given(file, bindings[0].node)]
    return [value for value in values if isinstance(value, ast.expr) and not isinstance(value, ast.Constant)]


def _given(file: File, parameter: ast.arg) -> Iterator[ast.AST | None]:
    """Yield what the file's own calls give to a parameter of one of its functions."""
    function = file.enclosing(parameter, *FUNCTIONS)
    if not isinstance(function, ast.FunctionDef):
        return
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    place = names.index(parameter.arg) if parameter.arg in names else None
    for call in file.calls_of(function):
        # What is given to a method begins with its second parameter.
        bound = isinstance(file.parent(function), ast.ClassDef) and place is not None
        value = file.argument(call, parameter.arg, place - 1 if bound and place else place)
        if isinstance(value, ast.Name):
            yield from (binding.value for binding in file.names.bindings(value))
        else:
            yield value


def _role(file: File, maker: ast.expr) -> str:
    kind = file.kind_of(maker)
    known = act(kind)
    if known is not None and known.kind in ("scheduler", "scaler"):
        return known.kind
    made = kind is not None or file.class_of(maker) is not None
    return "average" if made and role_of(file, maker) == "average" else ""


def _needs_no_state(file: File, maker: ast.expr) -> bool:
    """Return whether it is switched off, or made for the place where a resume begins."""
    if not isinstance(maker, ast.Call):
        return False
    enabled = file.argument(maker, "enabled")
    if is_off(enabled):
        return True
    given = [*maker.args, *(keyword.value for keyword in maker.keywords)]
    names = (name_of(node) for value in given for node in ast.walk(value) if isinstance(node, ast.Name | ast.Attribute))
    return file.argument(maker, "last_epoch") is not None or any(_RESUMED.search(name) for name in names)


def _is_told_where(file: File, call: ast.Call) -> bool:
    """Return whether the step is given the epoch, from which everything else follows, or the schedule is set to it."""
    owner = name_of(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    for node in (node for place in _PLACES for node in file.attributes(place)):
        if isinstance(node.ctx, ast.Store) and name_of(node.value) == owner:
            return True
    kind = file.kind_of(call.func.value) if isinstance(call.func, ast.Attribute) else None
    return bool(call.args or call.keywords) and not (kind or "").endswith("ReduceLROnPlateau")


def _catches_up(file: File, call: ast.Call) -> bool:
    """Return whether a loop does nothing but step: up to where a resume begins."""
    return any(isinstance(loop, ast.For) and len(loop.body) == 1 for loop in file.loops(call)[:1])


def _averages_weights(call: ast.Call) -> bool:
    given = call.args[0] if call.args else None
    return given is None or _WEIGHTS.search(name_of(given)) is not None


RULE = Rule("SR011", "checkpoint-forgets-piece", "a checkpoint leaves out a piece that the file steps", _check)
