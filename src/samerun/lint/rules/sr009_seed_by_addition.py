"""Seeds that are made by adding a rank or an epoch collide: ``0 + 1`` is ``1 + 0``.

What it does:
    Finds seeds to which the number of a rank, an epoch, a step, a worker or an item is added, also if it is
    multiplied by less than a thousand before, and if the seed is only handed on, as ``seed=...``. Once for each
    expression in a function, and only under ``--pedantic`` where the seed is a constant. It is silent where the
    other addend is drawn at random, or multiplied by how many ranks there are, where it is the number of a run or a
    fold that is trained anew, and where the seeds of workers are alike in each epoch, which SR007 says.

Why it is bad:
    Rank 1 of the run with seed 0 draws what rank 0 of the run with seed 1 draws, so runs that are taken for
    independent are not; their mean has another spread than it seems. With ranks and epochs added, rank 1 draws in an
    epoch what rank 0 will draw in the next.

Example:
    ::

        torch.manual_seed(args.seed + rank)

Experiment:
    Two runs, two ranks, three epochs: twelve streams, which begin with twelve numbers::

        from itertools import product

        import torch

        from samerun.derive import derive


        def different(seed_of):
            found = set()
            for seed, rank, epoch in product(range(2), range(2), range(3)):
                torch.manual_seed(seed_of(seed, rank, epoch))
                found.add(torch.rand(1).item())
            return len(found)


        print("seed + rank + epoch:", different(lambda seed, rank, epoch: seed + rank + epoch))
        print("derive(seed, rank, epoch):", different(lambda seed, rank, epoch: derive(seed, rank, epoch)))

    It prints::

        seed + rank + epoch: 5
        derive(seed, rank, epoch): 12

Use instead:
    A seed that is derived by a path, with ``samerun.derive.derive``; NumPy's global generator takes 32 bits of it::

        torch.manual_seed(derive(args.seed, "rank", rank))
        np.random.seed(derive(args.seed, "rank", rank) % 2**32)

    NumPy's own generators take the path as it is::

        rng = np.random.default_rng([args.seed, rank])

When to silence:
    When published numbers are to come out, which were made that way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.seeds import parts, words
from samerun.lint.syntax import called
from samerun.lint.vocabulary import act

__all__ = ["RULE"]

_ADDS = (ast.Add, ast.Sub, ast.BitXor)
# What is added to a seed for one of several streams, by words of its name, and by its whole name.
_ADDED = {"rank": "rank", "epoch": "epoch", "step": "step", "worker": "worker"}
_ADDED_WHOLE = {
    **dict.fromkeys(("process_index", "local_process_index", "proc_id"), "rank"),
    **dict.fromkeys(("num_updates", "get_num_updates", "t"), "step"),  # how many there were
}
# Words of names that are none of these: how many there are, a seed, what a matrix has.
_OTHER = frozenset("seed num max total count lora world n".split())
# Words of how many there are: a seed that is multiplied by it leaves room for each of them.
_COUNTS = frozenset("num n world size total count ranks workers gpus epochs".split())
# Multiplied by so much, it is out of the way of the others.
_FAR = 1000
# Smaller constants only shift: epoch + 1 is the epoch, counted from one.
_SHIFT = 10
_DRAWN = frozenset(
    (
        "torch.initial_seed",
        "time.time",
        "time.time_ns",
        "os.getpid",
        "os.urandom",
        "torch.seed",
        "datetime.datetime.now",
    )
)


def _check(file: File) -> Iterable[Finding]:
    told: set[tuple[ast.AST | None, str]] = set()
    for sum_ in _sums(file):
        added = _added(file, sum_)
        key = file.enclosing_function(sum_), ast.dump(sum_)
        if added is not None and key not in told:
            told.add(key)
            what, certain = added
            fix = _fix(file, sum_)
            yield Finding(RULE.code, _message(what), file.range(sum_), fix, pedantic=not certain)
    for statement in file.nodes(ast.AugAssign):
        names = words(called(statement.target))
        if "seed" in names and "env" not in names and isinstance(statement.op, (ast.Add, ast.BitXor)):
            factor, factors = _factors(statement.value)
            kinds = [kind for kind in (_kind(file, one) for one in factors) if kind is not None]
            if kinds and factor < _FAR and not _is_of_workers(file, statement):
                yield Finding(RULE.code, _message(kinds[0]), file.range(statement))


def _message(what: str) -> str:
    return f"the {what} is added to a seed, so that streams of other seeds and {what}s are the same"


def _sums(file: File) -> Iterator[ast.BinOp]:
    """Yield the outermost sums that are seeds, each once."""
    seen: set[ast.AST] = set()
    for value in _values(file):
        for part in parts(file, value):
            around = file.parent(part)
            outermost = not (isinstance(around, ast.BinOp) and isinstance(around.op, (*_ADDS, ast.Mult)))
            if isinstance(part, ast.BinOp) and isinstance(part.op, _ADDS) and outermost and part not in seen:
                seen.add(part)
                yield part


def _values(file: File) -> Iterator[ast.expr]:
    for seeding in file.seedings:
        if seeding.value is not None and seeding.file is file:
            yield seeding.value
    for item in file.nodes(ast.withitem):  # with numpy_seed(seed + index):
        if isinstance(item.context_expr, ast.Call) and "seed" in words(called(item.context_expr)):
            yield from item.context_expr.args
    for keyword in file.nodes(ast.keyword):
        names = words(keyword.arg or "")
        if "seed" in names and "env" not in names | words(called(file.parent(keyword) or keyword)):
            yield keyword.value
    for statement in file.nodes(ast.Assign):  # a seed that is handed on to somewhere else
        names = words(called(statement.targets[0]))
        if "seed" in names and "env" not in names and isinstance(statement.value, ast.BinOp):
            yield statement.value


def _added(file: File, sum_: ast.BinOp) -> tuple[str, bool] | None:
    """Return what is added to a seed in a sum, and whether the seed is one that may be another.

    None if nothing is added, or if there is no harm in it.
    """
    found: str | None = None
    seeds = constants = 0
    terms = list(_terms(sum_))
    for term, is_plus in terms:
        factor, factors = _factors(term)
        kinds = [kind for kind in (_kind(file, one) for one in factors) if kind is not None]
        if kinds and factor < _FAR:
            if not is_plus:
                return None  # taken away again
            seeds += found is not None
            found = found or kinds[0]
        elif factors and (factor >= _FAR or any(_is_count(one) for one in factors[1:] + factors[:-1])):
            return None  # as far apart as there are ranks
        elif factors:
            seeds += 1
        elif factor >= _SHIFT:
            constants += 1
    if found is None or not seeds + constants or any(_is_drawn(file, term) for term, _ in terms):
        return None
    return None if _is_of_workers(file, sum_) else (found, bool(seeds))


def _is_of_workers(file: File, node: ast.AST) -> bool:
    """Return whether it is in a function whose seeds are the subject of SR007."""
    found = file.workers
    return any(found.get(around, False) for around in file.around(node))


def _terms(node: ast.expr, is_plus: bool = True) -> Iterator[tuple[ast.expr, bool]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, _ADDS):
        yield from _terms(node.left, is_plus)
        yield from _terms(node.right, is_plus and not isinstance(node.op, ast.Sub))
    else:
        yield node, is_plus


def _factors(term: ast.expr) -> tuple[int, list[ast.expr]]:
    """Return the constant that a term is multiplied by, or is, and what else it is made of."""
    if isinstance(term, ast.Constant):
        return (abs(term.value), []) if isinstance(term.value, int) else (1, [term])
    if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Mult):
        left, right = _factors(term.left), _factors(term.right)
        return left[0] * right[0], left[1] + right[1]
    if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Pow) and not _names(term):
        return _FAR, []
    if isinstance(term, ast.BinOp):  # (rank + 1), seed % 2**32
        return 1, [value for side in (term.left, term.right) for value in _factors(side)[1]]
    if isinstance(term, ast.Call) and called(term) in ("int", "abs") and len(term.args) == 1:
        return _factors(term.args[0])
    return 1, [term]


def _names(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Name) for inner in ast.walk(node))


def _is_count(node: ast.expr) -> bool:
    return not words(called(node)).isdisjoint(_COUNTS)


def _kind(file: File, node: ast.expr) -> str | None:
    """Return which of several streams a number tells: ``rank``, ``epoch``, ``step``, ``worker``, ``item``."""
    name = called(node)
    found = words(name)
    if isinstance(node, ast.Attribute) and node.attr == "id" and "worker" in words(called(node.value)):
        return "worker"
    if name in _ADDED_WHOLE:
        return _ADDED_WHOLE[name]
    if found & _OTHER:
        return None
    if isinstance(node, ast.Name) and found & {"idx", "index", "item"}:
        bindings = file.names.bindings(node)
        function = file.enclosing_function(bindings[0].node) if len(bindings) == 1 else None
        is_item = function is not None and function.name == "__getitem__"
        return "item" if is_item and isinstance(bindings[0].node, ast.arg) else None
    return next((kind for word, kind in _ADDED.items() if word in found), None)


def _is_drawn(file: File, term: ast.expr) -> bool:
    """Return whether a term is another in each run or worker, so that sums with it do not meet."""
    for part in parts(file, term):
        if isinstance(part, ast.Attribute) and file.kind_of(part.value) == "torch.utils.data.get_worker_info":
            return part.attr == "seed"
        if not isinstance(part, ast.Call):
            continue
        name = file.resolve(part.func)
        what = act(name)
        if {"worker", "seed"} <= words(called(part)):  # torch draws that of a worker
            return True
        if name in _DRAWN or (what is not None and what.kind in ("draw", "capture")):
            return True
        if name is None and called(part) in (
            "item",
            "integers",
            "randint",
            "getrandbits",
            "initial_seed",
            "generate_state",
        ):
            return True
    return False


def _fix(file: File, sum_: ast.BinOp) -> Fix | None:
    """Return a path in the place of a plain sum, where the file has ``derive``."""
    imports = [binding.source for binding in file.index.module.names.get("derive", [])]
    terms = [term for term, _ in _terms(sum_)]
    has_derive = any(source is not None and source.module == "samerun.derive" for source in imports)
    if len(terms) != 2 or not isinstance(sum_.op, ast.Add) or not has_derive:
        return None
    first, second = terms if _kind(file, terms[1]) is not None else terms[::-1]
    what = _kind(file, second)
    if what is None or any(_kind(file, part) for part in _factors(first)[1]):
        return None  # the sum of two such numbers has no seed to begin a path with
    text = f'derive({file.segment(first)}, "{what}", {file.segment(second)}) % 2**32'
    whole = f"({text})" if isinstance(file.parent(sum_), ast.BinOp) else text
    return Fix((file.replace(sum_, whole),), False, f"seed with {text}")


RULE = Rule("SR009", "seed-by-addition", "a rank, epoch or worker is added to a seed, so that seeds collide", _check)
