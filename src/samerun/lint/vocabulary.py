"""What well known calls do to generators, and what they build. A new one is a line here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "ALL",
    "CALLERS",
    "CPU",
    "CUDA",
    "IN_PLACE",
    "KEYED_LOADERS",
    "LIBRARIES",
    "LOADERS",
    "METHODS",
    "MODELS",
    "NUMPY",
    "PYTHON",
    "SPAWNS",
    "Act",
    "act",
    "may_seed",
    "named",
]

PYTHON, NUMPY, CPU, CUDA = "python", "numpy", "torch.cpu", "torch.cuda"
ALL = (PYTHON, NUMPY, CPU, CUDA)
_TORCH = (CPU, CUDA)
#: What the generators are called in messages.
LIBRARIES = {PYTHON: "Python's random", NUMPY: "NumPy's generator", CPU: "torch's generator", CUDA: "CUDA's generators"}


def named(libraries: Collection[str]) -> str:
    """Return what generators are called in messages; those of CUDA go without saying beside torch's."""
    found = [name for library, name in LIBRARIES.items() if library in libraries]
    if CPU in libraries and CUDA in libraries:
        found.remove(LIBRARIES[CUDA])
    return " and ".join(found) if len(found) < 3 else f"{', '.join(found[:-1])} and {found[-1]}"


@dataclass(frozen=True, slots=True)
class Act:
    """What a call does.

    Attributes:
        kind: seed, entropy (a seed from the operating system, another in each run), draw, model, optimizer, scheduler,
            scaler, loader, sampler, split, generator, capture, restore, save, load, flag or environment. Of a timeline
            also iterate, train and unknown-seed.
        libraries: the global generators that it seeds, draws from, reads or sets.
        own: arguments that let it use another generator than the global one.
        number: the name of its first argument, if it is entropy where that is None or not given.
    """

    kind: str
    libraries: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    number: str = ""


def _each(names: str, prefix: str, found: Act) -> dict[str, Act]:
    return {f"{prefix}.{name}": found for name in names.split()}


_ACTS: dict[str, Act] = {
    # Seeds
    "random.seed": Act("seed", (PYTHON,), number="a"),
    "numpy.random.seed": Act("seed", (NUMPY,), number="seed"),
    "torch.manual_seed": Act("seed", _TORCH),
    **_each("manual_seed manual_seed_all", "torch.cuda", Act("seed", (CUDA,))),
    "torch.seed": Act("entropy", _TORCH),
    **_each("seed seed_all", "torch.cuda", Act("entropy", (CUDA,))),
    "tensorflow.keras.utils.set_random_seed": Act("seed", (PYTHON, NUMPY)),
    "keras.utils.set_random_seed": Act("seed", ALL),
    **dict.fromkeys(
        (
            "lightning.seed_everything",
            "transformers.set_seed",
            "transformers.enable_full_determinism",
            "accelerate.utils.set_seed",
            "ignite.manual_seed",
            "monai.utils.set_determinism",
            "fastai.set_seed",
            "samerun.seed_everything",
            "mmengine.runner.set_random_seed",
            "mmengine.runner.utils.set_random_seed",
            "catalyst.utils.set_global_seed",
            "detectron2.utils.env.seed_all_rng",
            "timm.utils.random_seed",
        ),
        Act("seed", ALL),
    ),
    # Draws
    **_each(
        "random randint randrange choice choices shuffle sample uniform gauss normalvariate betavariate expovariate "
        "triangular lognormvariate vonmisesvariate gammavariate paretovariate weibullvariate getrandbits randbytes",
        "random",
        Act("draw", (PYTHON,)),
    ),
    **_each(
        "rand randn randint random random_sample ranf sample choice shuffle permutation uniform normal beta binomial "
        "exponential gamma laplace poisson standard_normal multinomial multivariate_normal dirichlet bytes "
        "random_integers geometric lognormal",
        "numpy.random",
        Act("draw", (NUMPY,)),
    ),
    **_each(
        "rand randn randint randperm normal bernoulli multinomial poisson rand_like randn_like randint_like",
        "torch",
        Act("draw", (CPU,), ("generator",)),
    ),
    **_each(
        "uniform_ normal_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_",
        "torch.nn.init",
        Act("draw", (CPU,), ("generator",)),
    ),
    "sklearn.model_selection.train_test_split": Act("split", (NUMPY,), ("random_state",)),
    "torch.utils.data.random_split": Act("split", (CPU,), ("generator",)),
    # Generators of one's own
    **_each("default_rng RandomState Generator SeedSequence", "numpy.random", Act("generator")),
    **_each("Random SystemRandom", "random", Act("generator")),
    "torch.Generator": Act("generator"),
    # States
    "random.getstate": Act("capture", (PYTHON,)),
    "random.setstate": Act("restore", (PYTHON,)),
    "numpy.random.get_state": Act("capture", (NUMPY,)),
    "numpy.random.set_state": Act("restore", (NUMPY,)),
    "torch.get_rng_state": Act("capture", (CPU,)),
    "torch.set_rng_state": Act("restore", (CPU,)),
    **_each("get_rng_state get_rng_state_all", "torch.cuda", Act("capture", (CUDA,))),
    **_each("set_rng_state set_rng_state_all", "torch.cuda", Act("restore", (CUDA,))),
    "samerun.capture": Act("capture", ALL),
    "samerun.restore": Act("restore", ALL),
    # Methods of what a library made
    "accelerate.Accelerator.save_state": Act("capture", ALL),
    "accelerate.Accelerator.load_state": Act("restore", ALL),
    # What a training is made of
    "torch.utils.data.DataLoader": Act("loader"),
    "samerun.DataLoader": Act("loader"),
    "samerun.data.DataLoader": Act("loader"),
    "torchdata.stateful_dataloader.StatefulDataLoader": Act("loader"),
    "torch_geometric.loader.DataLoader": Act("loader"),
    "torch.utils.data.DistributedSampler": Act("sampler"),
    **_each(
        "RandomSampler SubsetRandomSampler WeightedRandomSampler",
        "torch.utils.data",
        Act("sampler", (CPU,), ("generator",)),
    ),
    "torch.amp.GradScaler": Act("scaler"),
    "torch.optim.swa_utils.SWALR": Act("scheduler"),
    "torch.save": Act("save"),
    "torch.load": Act("load"),
    "torch.use_deterministic_algorithms": Act("flag"),
    "samerun.deterministic": Act("flag"),
    "timm.create_model": Act("model", (CPU,)),
    "torch.hub.load": Act("model", (CPU,)),
    # Layers that draw their weights
    **_each(
        "Linear Bilinear LazyLinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv2d "
        "Embedding EmbeddingBag RNN LSTM GRU RNNCell LSTMCell GRUCell MultiheadAttention Transformer "
        "TransformerEncoderLayer TransformerDecoderLayer",
        "torch.nn",
        Act("model", (CPU,)),
    ),
}
# What is told by how the name begins and ends.
_OPTIMIZERS = ("torch.optim.",)
_SCHEDULERS = ("torch.optim.lr_scheduler.", "transformers.get_")
#: Names of methods that are looked up by what made the object: `act` knows them under the name of its class.
METHODS = frozenset(("save_state", "load_state"))
#: Loaders that begin with a draw from torch's global generator: the seed of the workers, whether or not they shuffle.
LOADERS = ("torch.utils.data.DataLoader", "torch_geometric.loader.DataLoader")
#: Loaders that seed what draws for each item by a key, also in their workers.
KEYED_LOADERS = ("samerun.DataLoader", "samerun.data.DataLoader", "samerun.exact", "samerun.data.exact")
#: Classes of what has weights.
MODELS = frozenset(("torch.nn.Module", "lightning.LightningModule"))
#: Names, or how they begin, of draws that change what they are given where it is, and so do not return it.
IN_PLACE = ("random.shuffle", "numpy.random.shuffle", "torch.nn.init.")
#: Calls that start processes with a function that they are given.
SPAWNS = ("torch.multiprocessing.spawn", "torch.multiprocessing.start_processes")
#: Calls that call their first argument.
CALLERS = frozenset(
    (
        "fire.Fire",
        "tyro.cli",
        "absl.app.run",
        "torch.multiprocessing.spawn",
        "torch.multiprocessing.spawn.spawn",
        "asyncio.run",
        "accelerate.notebook_launcher",
        "typer.run",
    )
)


def may_seed(name: str) -> bool:
    """Return whether a call of a name that nothing is known of may seed any generator, by what it is called."""
    package, _, rest = name.partition(".")
    known = package in ("torch", "numpy", "random", "builtins")
    return not known and "seed" in rest.rpartition(".")[2].lower() and act(name) is None


@lru_cache(maxsize=16384)
def act(name: str | None) -> Act | None:
    """Return what a call of a canonical name does; None for what is of no account, or unknown, or has no name."""
    if name is None:
        return None
    found = _ACTS.get(name)
    if found is not None:
        return found
    last = name.rpartition(".")[2]
    if name.startswith(_SCHEDULERS):
        return Act("scheduler") if last[:1].isupper() or last.endswith(("schedule", "scheduler")) else None
    if name.startswith(_OPTIMIZERS):
        return Act("optimizer") if last[:1].isupper() and ".swa_utils." not in name else None
    if name.startswith("torchvision.models."):
        return Act("model", (CPU,)) if last[:1] != "_" and not last.endswith("Weights") else None
    return None
