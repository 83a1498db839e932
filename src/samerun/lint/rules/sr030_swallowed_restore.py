"""A state is restored within a ``try`` that goes on, whatever went wrong.

What it does:
    Finds ``load_state_dict``, what restores generators, and functions of the project that do either, in a ``try``
    whose handler takes every exception (bare, ``Exception``, ``BaseException``) and does no more than print, log or
    begin with fixed values; so, too, where the ``try`` fills one by one the dictionary that is loaded later. Also in
    ``contextlib.suppress(Exception)``. Handlers that raise, return a value, or try something else are left alone. In
    files that neither train nor load the state of an optimizer it is said under ``--pedantic`` alone.

Why it is bad:
    A checkpoint that does not fit, or is damaged, is passed over, and the run goes on with whatever was restored before
    the error: weights of the checkpoint, a new optimizer, and generators that begin anew. That is neither a resume nor
    a fresh start, and a line in a log is all there is to tell.

Example:
    ::

        try:
            model.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])
        except Exception as error:
            print("could not resume:", error)

Experiment:
    The optimizer of the checkpoint has another number of parameters, which is swallowed, and then is not::

        import torch

        saved = torch.nn.Linear(1, 1)
        state = torch.optim.Adam(torch.nn.Linear(1, 1, bias=False).parameters(), lr=0.5).state_dict()


        def run(swallow):
            model = torch.nn.Linear(1, 1)
            optimizer = torch.optim.Adam(model.parameters())
            try:
                model.load_state_dict(saved.state_dict())
                optimizer.load_state_dict(state)
            except Exception as error:
                if not swallow:
                    raise
                print("could not resume:", type(error).__name__)
            print("trains with the weights of the checkpoint:", torch.equal(model.weight, saved.weight))
            print("trains with the optimizer of the checkpoint:", optimizer.param_groups[0]["lr"] == 0.5)


        run(swallow=True)
        try:
            run(swallow=False)
        except ValueError as error:
            print("does not train:", type(error).__name__)

    It prints::

        could not resume: ValueError
        trains with the weights of the checkpoint: True
        trains with the optimizer of the checkpoint: False
        does not train: ValueError

Use instead:
    Ask whether there is a checkpoint, and let what goes wrong in loading it end the run::

        if path.exists():
            model.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])

When to silence:
    When the run is as good without the state: weights to begin with that are a mere convenience.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule
from samerun.lint.syntax import FUNCTIONS, called

__all__ = ["RULE"]

_BROAD = frozenset(("builtins.Exception", "builtins.BaseException"))
_METHODS = frozenset(("load_state_dict", "setstate", "set_rng_state", "load_state"))
# What a handler calls that only tells.
_TELLS = frozenset(
    "print debug info warning warn error exception critical log write print_exc print_exception secho echo format_exc "
    "success toast rule".split()
)
_VALUES = (ast.Constant, ast.Name, ast.UnaryOp, ast.List, ast.Tuple, ast.Dict)


def _check(file: File) -> Iterable[Finding]:
    told: set[ast.AST] = set()
    for call in (*_restores(file), *_filled(file)):
        found = _swallowed(file, call)
        if found is None or found in told:
            continue
        told.add(found)
        message = f"whatever goes wrong in restoring a state in {file.where(call)} is passed over"
        yield Finding(RULE.code, message, file.range(found), pedantic=not _trains(file))


def _restores(file: File) -> Iterator[ast.expr]:
    for call in file.nodes(ast.Call):
        target = file.definition(call)
        inner = target.file.calls_in(target.node) if target is not None else []
        if _restores_itself(file, call) or any(target and _restores_itself(target.file, one) for one in inner):
            yield call


def _restores_itself(file: File, call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        return True
    what = file.act(call)
    return what is not None and what.kind == "restore"


def _filled(file: File) -> Iterator[ast.expr]:
    """Yield what is put, one by one, into a dictionary that the same function loads."""
    loaded = {
        (name.id, file.enclosing(call, *FUNCTIONS))
        for call in file.nodes(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "load_state_dict"
        for name in call.args[:1]
        if isinstance(name, ast.Name)
    }
    for node in file.nodes(ast.Assign):
        target = node.targets[0].value if isinstance(node.targets[0], ast.Subscript) else None
        is_filled = isinstance(target, ast.Name) and (target.id, file.enclosing(node, *FUNCTIONS)) in loaded
        if is_filled and isinstance(node.value, ast.Subscript):
            yield node.value


def _trains(file: File) -> bool:
    trains = ("backward", "step", "fit")
    calls = file.nodes(ast.Call)
    found = any(isinstance(call.func, ast.Attribute) and call.func.attr in trains for call in calls)
    return found or file.checkpoints.resumes


def _swallowed(file: File, call: ast.expr) -> ast.ExceptHandler | ast.expr | None:
    """Return the handler, or what suppresses, that every exception of a call ends in."""
    inner: ast.AST = call
    for outer in file.around(call):
        if isinstance(outer, FUNCTIONS):
            return None
        if isinstance(outer, ast.Try) and inner in outer.body:
            for handler in outer.handlers:
                if _is_broad(file, handler.type):
                    goes_on = _goes_on(handler.body) and not _holds_the_training(file, outer)
                    return handler if goes_on else None
        elif isinstance(outer, ast.With) and inner in outer.body:
            for item in outer.items:
                context = item.context_expr
                if _suppresses(file, context):
                    return context
        inner = outer
    return None


def _suppresses(file: File, context: ast.expr) -> bool:
    if not isinstance(context, ast.Call) or file.resolve(context.func) != "contextlib.suppress":
        return False
    return any(_is_broad(file, one) for one in context.args)


def _is_broad(file: File, type_: ast.expr | None) -> bool:
    if isinstance(type_, ast.Tuple):
        return any(_is_broad(file, one) for one in type_.elts)
    return type_ is None or file.resolve(type_) in _BROAD


def _holds_the_training(file: File, statement: ast.Try) -> bool:
    """Return whether all of the run is tried, so that nothing goes on after an error."""
    return any(file.is_training_loop(loop) for one in statement.body for loop in ast.walk(one))


def _goes_on(statements: list[ast.stmt]) -> bool:
    """Return whether a handler does nothing but tell, and set what to begin with instead."""
    return all(_is_idle(statement) for statement in statements)


def _is_idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass | ast.Continue | ast.Import | ast.ImportFrom):
        return True
    if isinstance(statement, ast.Assign):
        return isinstance(statement.value, _VALUES)
    if isinstance(statement, ast.If):
        return _goes_on(statement.body) and _goes_on(statement.orelse)
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if not isinstance(value, ast.Call):
        return isinstance(value, ast.Constant)
    return called(value) in _TELLS


RULE = Rule("SR030", "swallowed-restore", "a state is restored in a try that goes on, whatever went wrong", _check)
