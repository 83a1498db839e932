"""A generator that is made without a seed begins where no seed of the script has a say.

What it does:
    Finds ``default_rng()``, ``RandomState()``, ``random.Random()``, ``SeedSequence()`` and bit generators such as
    ``PCG64()`` without a seed, and a ``torch.Generator()`` that nothing seeds. It is silent where the file sets the
    seed or the state later, and where the generator goes to somebody who may. One that is made only where none was
    given, or that another one takes the place of, is found under ``--pedantic``, and so is ``None`` for a seed.

Why it is bad:
    Those of NumPy and Python take their beginning from the system: the run differs every time, although the script
    has a seed, for the global seeds do not reach them. That of torch always begins with the same number: it draws
    the same whatever seed the script is given, so that runs with several seeds are not as different as they look.

Example:
    ::

        rng = np.random.default_rng()

Experiment:
    The global generators are seeded alike before each::

        import numpy as np
        import torch


        def run(seed):
            np.random.seed(seed)
            torch.manual_seed(seed)
            rngs = np.random.default_rng(), np.random.default_rng(seed)
            generators = torch.Generator(), torch.Generator().manual_seed(seed)
            drawn = [rng.random() for rng in rngs]
            return drawn, [torch.rand(1, generator=generator).item() for generator in generators]


        first, again, other = run(1), run(1), run(2)
        for place, made in enumerate(("unseeded", "seeded")):
            print(f"NumPy's, {made}: the same with the same seed:", first[0][place] == again[0][place])
            print(f"torch's, {made}: the same with another seed:", first[1][place] == other[1][place])

    It prints::

        NumPy's, unseeded: the same with the same seed: False
        torch's, unseeded: the same with another seed: True
        NumPy's, seeded: the same with the same seed: True
        torch's, seeded: the same with another seed: False

Use instead:
    ::

        rng = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)

When to silence:
    When it is to differ in every run: a name of a file, a pause before a request is tried again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.at_hand import seed_at
from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import Function, is_constant

__all__ = ["RULE"]

# What the first argument is called.
_MAKERS = {
    "random.Random": "x",
    "numpy.random.SeedSequence": "entropy",
    **dict.fromkeys(
        (
            "numpy.random.default_rng",
            "numpy.random.RandomState",
            "numpy.random.PCG64",
            "numpy.random.PCG64DXSM",
            "numpy.random.MT19937",
            "numpy.random.Philox",
            "numpy.random.SFC64",
        ),
        "seed",
    ),
}
_TORCH = "torch.Generator"
# Whoever uses one of these knows where the generator begins, or says so.
_SETS = frozenset(
    "seed manual_seed setstate set_state set_offset graphsafe_set_state state bit_generator entropy "
    "initial_seed __setstate__".split()
)
_AGAIN = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# In the test of a branch they say that somebody did not give a seed or generator.
_GIVEN = ("seed", "rng", "rand", "generator", "state", "determin", "reproduc")


def _check(file: File) -> Iterable[Finding]:
    for call in file.calls(*_MAKERS):
        yield from _library(file, call)
    for call in file.calls(_TORCH):
        if not file.has_unpacking(call) and not _is_set(file, call) and _is_drawn_from(file, call):
            fix = None
            if not _is_made_again(file, call):
                fix = Fix((file.insert(call, f".manual_seed({seed_at(file, call)})"),), False, "seed it")
            message = "without a seed draws the same in every run, whatever seed the script is given"
            yield Finding(
                RULE.code,
                f"{file.segment(call.func)} {message}",
                file.range(call),
                fix,
                pedantic=_is_fallback(file, call),
            )


def _library(file: File, call: ast.Call) -> Iterator[Finding]:
    name = file.resolve(call.func) or ""
    seed = file.argument(call, _MAKERS[name], 0)
    none = is_constant(seed, None)
    if file.has_unpacking(call) or file.argument(call, "key") is not None or not (seed is None or none):
        return
    if _is_set(file, call):
        return
    given = seed_at(file, call)
    text = f"{_MAKERS[name]}={given}" if call.keywords else given
    fix = None
    if not none and not _is_made_again(file, call):
        fix = Fix((file.add_argument(call, text),), False, f"seed it with {given}")
    yield Finding(
        RULE.code,
        f"{file.segment(call.func)} without a seed begins elsewhere in every run",
        file.range(call),
        fix,
        pedantic=none or _is_fallback(file, call),
    )


def _is_made_again(file: File, call: ast.Call) -> bool:
    """Return whether a loop makes one generator after another, which one seed would make alike."""
    for around in file.around(call):
        if isinstance(around, Function | ast.ClassDef):
            return False
        if isinstance(around, _AGAIN):
            return True
    return False


def _is_set(file: File, call: ast.Call) -> bool:
    """Return whether the seed or state of the generator is read or set: at once, or by its name later."""
    around = file.parent(call)
    if isinstance(around, ast.Attribute):
        return around.attr in _SETS
    for target in _targets(file, call):
        if isinstance(target, ast.Name) and "seed" in target.id.lower():
            return True  # a seed is made of it, which differs on purpose
        for use in _uses(file, target):
            around = file.parent(use)
            if isinstance(around, ast.Attribute) and around.attr in _SETS:
                return True
            if isinstance(around, ast.Call) and use in around.args and "seed" in file.segment(around.func).lower():
                return True  # with temporary_seed(rng, seed)
    return False


def _targets(file: File, call: ast.Call) -> list[ast.expr]:
    """Return the names and attributes that the generator is assigned to."""
    for around in file.around(call):
        if isinstance(around, ast.Assign):
            return around.targets
        if isinstance(around, ast.AnnAssign | ast.NamedExpr):
            return [around.target]
        wraps = isinstance(around, ast.Call) and file.resolve(around.func) == "numpy.random.Generator"
        if not wraps and not isinstance(around, ast.IfExp | ast.BoolOp):
            break
    return []


def _uses(file: File, target: ast.expr) -> Iterator[ast.Name | ast.Attribute]:
    """Yield where a name, or an attribute of that name, stands in the file."""
    if isinstance(target, ast.Name):
        yield from file.variable(target.id, file.index.scopes[target].home(target.id))
    elif isinstance(target, ast.Attribute):
        yield from file.attributes(target.attr)


def _is_drawn_from(file: File, call: ast.Call) -> bool:
    """Return whether nobody else gets a generator of torch: what gets it as its ``generator`` draws from it."""
    around = file.parent(call)
    if isinstance(around, ast.keyword):
        return around.arg == "generator"
    targets = _targets(file, call)
    for target in targets:
        if not isinstance(target, ast.Name):
            continue
        for node in _uses(file, target):
            if isinstance(node.ctx, ast.Load) and not _is_argument(file.parent(node)):
                return False
    return any(isinstance(target, ast.Name | ast.Attribute) for target in targets)


def _is_argument(outer: ast.AST | None) -> bool:
    return isinstance(outer, ast.Attribute) or (isinstance(outer, ast.keyword) and outer.arg == "generator")


def _is_fallback(file: File, call: ast.Call) -> bool:
    """Return whether it is made where no seed, or no generator, was given."""
    for around in file.around(call):
        if isinstance(around, ast.BoolOp):
            return True
        if isinstance(around, ast.If | ast.IfExp):
            text = file.segment(around.test).lower()
            if any(word in text for word in _GIVEN):
                return True
        if isinstance(around, Function | ast.ClassDef):
            break
    return any(_is_assigned_otherwise(file, target) for target in _targets(file, call))


def _is_assigned_otherwise(file: File, target: ast.expr) -> bool:
    """Return whether another generator gets the same name: one with a seed where a branch is taken, or later."""
    values = (
        statement.value
        for use in _uses(file, target)
        if use is not target and isinstance(statement := file.parent(use), ast.Assign) and use in statement.targets
    )
    return any(not is_constant(value, None) for value in values)


RULE = Rule("SR019", "unseeded-generator", "a generator is made without a seed", _check)
