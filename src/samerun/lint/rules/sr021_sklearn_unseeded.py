"""Without ``random_state`` scikit-learn draws from NumPy's global generator, whatever state that is in.

What it does:
    Finds models, splitters and functions of scikit-learn that draw and are given no ``random_state``. What draws only
    under certain arguments is found with these: ``KFold(shuffle=True)``, ``LogisticRegression(solver="saga")``. What
    draws only with certain data, such as ``PCA`` of a large table, is found under ``--pedantic``. So are all of them
    in a file that seeds NumPy's generator, and a ``None`` that is written down.

Why it is bad:
    NumPy's generator begins elsewhere in every process unless it is seeded: the folds, the initial weights and the
    trees are others in every run. Where it is seeded they are the same until something else is drawn in between, or a
    cell is run twice.

Example:
    ::

        train, test = train_test_split(rows)
        model = RandomForestClassifier()

Experiment:
    The same rows are split twice::

        from sklearn.model_selection import train_test_split

        rows = list(range(1000))
        print("unseeded, the same:", train_test_split(rows) == train_test_split(rows))
        print("seeded, the same:", train_test_split(rows, random_state=0) == train_test_split(rows, random_state=0))

    It prints::

        unseeded, the same: False
        seeded, the same: True

Use instead:
    ::

        train, test = train_test_split(rows, random_state=seed)
        model = RandomForestClassifier(random_state=seed)

When to silence:
    When the variation between runs is what is measured.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from samerun.lint.at_hand import seed_at
from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.rule import Rule
from samerun.lint.syntax import Function, is_constant, text_of
from samerun.lint.vocabulary import NUMPY, act, may_seed

__all__ = ["RULE"]

# Whether it draws: yes, no, or None where that depends on the data.
_Draws = Callable[[File, ast.Call], bool | None]


def _always(_: File, __: ast.Call) -> bool | None:
    return True


def _perhaps(_: File, __: ast.Call) -> bool | None:
    return None


def _unless(name: str, *values: object) -> _Draws:
    """Draws, except where an argument is one of these; one that cannot be read may be."""

    def draws(file: File, call: ast.Call) -> bool | None:
        given = file.argument(call, name)
        if given is None:
            return True
        return given.value not in values if isinstance(given, ast.Constant) else False

    return draws


def _if(name: str, *values: object) -> _Draws:
    """Draws where an argument is one of these."""

    def draws(file: File, call: ast.Call) -> bool | None:
        given = file.argument(call, name)
        return isinstance(given, ast.Constant) and given.value in values

    return draws


def _logistic(file: File, call: ast.Call) -> bool | None:
    solver = _text(file, call, "solver")
    return solver in ("sag", "saga") or (solver == "liblinear" and _if("dual", True)(file, call) is True)


def _clusters(file: File, call: ast.Call) -> bool | None:
    """Centres that are given are not drawn."""
    given = file.argument(call, "init")
    return given is None or text_of(given) is not None


def _pca(file: File, call: ast.Call) -> bool | None:
    solver = _text(file, call, "svd_solver")
    if solver in ("randomized", "arpack"):
        return True
    number = file.argument(call, "n_components", 0)
    counted = number is not None and not (isinstance(number, ast.Constant) and not isinstance(number.value, int))
    return None if solver in (None, "auto") and counted else False


def _tsne(file: File, call: ast.Call) -> bool | None:
    """It begins with what PCA gives, unless it is told to draw that."""
    return True if _text(file, call, "init") == "random" else None


def _text(file: File, call: ast.Call, name: str) -> str | None:
    given = file.argument(call, name)
    if given is None:
        return None
    return text_of(given) or ""


def _each(module: str, names: str, draws: _Draws) -> dict[str, _Draws]:
    return {f"sklearn.{module}.{name}": draws for name in names.split()}


_shuffled = _unless("shuffle", False)
_DRAWS: dict[str, _Draws] = {
    "sklearn.model_selection.train_test_split": _shuffled,
    **_each("model_selection", "KFold StratifiedKFold StratifiedGroupKFold GroupKFold", _if("shuffle", True)),
    **_each(
        "model_selection",
        "ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit RepeatedKFold RepeatedStratifiedKFold "
        "RandomizedSearchCV ParameterSampler permutation_test_score",
        _always,
    ),
    **_each("utils", "shuffle resample", _always),
    **_each("inspection", "permutation_importance", _always),
    **_each(
        "ensemble",
        "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor RandomTreesEmbedding "
        "BaggingClassifier BaggingRegressor IsolationForest GradientBoostingClassifier GradientBoostingRegressor",
        _always,
    ),
    **_each("ensemble", "HistGradientBoostingClassifier HistGradientBoostingRegressor", _perhaps),
    **_each("ensemble", "AdaBoostClassifier AdaBoostRegressor", _perhaps),
    **_each("tree", "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor", _always),
    **_each("cluster", "KMeans MiniBatchKMeans BisectingKMeans", _clusters),
    **_each("cluster", "SpectralClustering SpectralCoclustering SpectralBiclustering", _perhaps),
    **_each("mixture", "GaussianMixture BayesianGaussianMixture", _always),
    **_each("neural_network", "MLPClassifier MLPRegressor BernoulliRBM", _always),
    **_each("manifold", "MDS SpectralEmbedding", _always),
    "sklearn.manifold.TSNE": _tsne,
    **_each("linear_model", "LogisticRegression LogisticRegressionCV", _logistic),
    **_each("linear_model", "SGDClassifier SGDRegressor Perceptron", _shuffled),
    **_each("linear_model", "PassiveAggressiveClassifier PassiveAggressiveRegressor", _shuffled),
    **_each("linear_model", "Ridge RidgeClassifier", _if("solver", "sag", "saga")),
    **_each("linear_model", "Lasso LassoCV ElasticNet ElasticNetCV", _if("selection", "random")),
    **_each("linear_model", "RANSACRegressor", _always),
    **_each("linear_model", "TheilSenRegressor", _perhaps),
    **_each("svm", "SVC NuSVC", _if("probability", True)),
    **_each("svm", "LinearSVC LinearSVR", _if("dual", True)),
    "sklearn.decomposition.PCA": _pca,
    **_each("decomposition", "TruncatedSVD FastICA LatentDirichletAllocation", _always),
    **_each("decomposition", "NMF MiniBatchNMF", _unless("init", "custom")),
    **_each("random_projection", "GaussianRandomProjection SparseRandomProjection", _always),
    **_each("kernel_approximation", "Nystroem RBFSampler SkewedChi2Sampler PolynomialCountSketch", _always),
    **_each("preprocessing", "QuantileTransformer", _perhaps),
    **_each(
        "datasets",
        "make_blobs make_classification make_circles make_moons make_regression make_friedman1 make_friedman2 "
        "make_friedman3 make_gaussian_quantiles make_hastie_10_2 make_low_rank_matrix make_multilabel_classification "
        "make_s_curve make_sparse_uncorrelated make_swiss_roll make_biclusters make_checkerboard",
        _always,
    ),
}


def _check(file: File) -> Iterable[Finding]:
    calls = [call for call in file.calls(*_DRAWS) if _is_unseeded(file, call)]
    seeded = bool(calls) and _seeds_numpy(file)
    for call in calls:
        draws = _DRAWS[file.resolve(call.func) or ""](file, call)
        if draws is False:
            continue
        given = file.argument(call, "random_state")
        seed = seed_at(file, call)
        fix = (
            None
            if given is not None
            else Fix((file.add_argument(call, f"random_state={seed}"),), False, f"add random_state={seed}")
        )
        governed = "which other draws move on" if seeded else "which the file does not seed"
        yield Finding(
            RULE.code,
            f"{file.segment(call.func)} without random_state draws from NumPy's generator, {governed}",
            file.range(call),
            fix,
            pedantic=seeded or draws is None or given is not None,
        )


def _is_unseeded(file: File, call: ast.Call) -> bool:
    given = file.argument(call, "random_state")
    return (given is None or is_constant(given, None)) and not file.has_unpacking(call)


def _seeds_numpy(file: File) -> bool:
    """Return whether NumPy's generator is seeded, or may be, by the file or by what it calls."""
    for name in file.called:
        found = act(name)
        if may_seed(name) or (found is not None and found.kind in ("seed", "restore") and NUMPY in found.libraries):
            return True
    # What is not run from here, such as a function that another module calls, may seed all the same.
    elsewhere = (file.definition(call) for call in file.nodes(ast.Call))
    events = [
        event
        for target in elsewhere
        if target is not None and isinstance(target.node, Function)
        for event in target.file.timeline_of(target.node)
    ]
    return any(
        event.kind == "unknown-seed" or (event.kind in ("seed", "restore") and NUMPY in event.libraries)
        for event in (*file.timeline, *events)
    )


RULE = Rule("SR021", "sklearn-unseeded", "scikit-learn draws without a random_state", _check)
