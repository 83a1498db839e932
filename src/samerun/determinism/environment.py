"""The surroundings of a run: everything outside the code that can change bits, recorded and compared."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from samerun.determinism.hashseed import hash_seed

__all__ = ["Change", "Environment", "compare_environments", "environment"]

Environment: TypeAlias = "dict[str, Environment | str | int | float | bool | None]"

# Variables that numerical libraries read; nothing else of the process's environment is recorded.
_VARIABLES = tuple(
    """ACCELERATE_ ATEN_ BLIS_ CUBLASLT_ CUBLAS_ CUDA_ CUDNN_ DNNL_ GLIBC_TUNABLES GOMP_ GOTO_ HIP_ KMP_ MIOPEN_ MKL_
    NCCL_ NPY_ NUMBA_ NVIDIA_TF32_OVERRIDE OMP_ ONEDNN_ OPENBLAS_ PYTHONHASHSEED PYTORCH_ ROCBLAS_ ROCR_
    TORCH TRITON_ VECLIB_ XLA_ ZE_""".split()
)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry in which two environments differ; ``None`` for an entry that one of them lacks."""

    name: str
    first: object
    second: object

    def __str__(self) -> str:
        return f"{self.name}: {self.first!r} -> {self.second!r}"


def environment() -> Environment:
    """Return everything outside the code that can change bits, as nested JSON values.

    What is captured: versions of Python, its hash seed, the operating system and C library, every installed package;
    the CPU, the instruction set torch chose and what limits it; thread counts; the BLAS libraries that are loaded with
    their kernels; GPUs and driver; torch's flags; environment variables that numerical libraries read; the git commit
    of the working directory and whether tracked files differ from it. What is not: untracked files, data and the
    arguments of the program.

    Looking initialises no device. Takes some tenths of a second, because it asks git and lists packages.
    """
    return {
        "python": _python(),
        "platform": _platform(),
        "cpu": _cpu(),
        "threads": _threads(),
        "blas": _blas(),
        "gpu": _gpu(),
        "flags": _flags(),
        "variables": _variables(),
        "git": _git(),
        "packages": _packages(),
    }


def compare_environments(first: Mapping[str, object], second: Mapping[str, object]) -> tuple[Change, ...]:
    """Return the entries in which two environments differ, in the order of the first.

    >>> compare_environments({"threads": {"intra_op": 1}}, {"threads": {"intra_op": 2}})
    (Change(name='threads.intra_op', first=1, second=2),)
    """
    ours, theirs = dict(_flat(first)), dict(_flat(second))
    names = [*ours, *(name for name in theirs if name not in ours)]
    pairs = ((name, ours.get(name), theirs.get(name)) for name in names)
    return tuple(Change(name, old, new) for name, old, new in pairs if (type(old), old) != (type(new), new))


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _python() -> Environment:
    running = hash_seed()
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "hash_seed": "random" if running is None else running,
        "optimize": sys.flags.optimize,
    }


def _platform() -> Environment:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
    }


def _cpu() -> Environment:
    return {
        "model": _cpu_model(),
        "torch_capability": torch.backends.cpu.get_cpu_capability(),
        "mkldnn_available": torch.backends.mkldnn.is_available(),
        "mkl_available": torch.backends.mkl.is_available(),
        "torch_build": " ".join(torch.__config__.show().split()),
        "numpy_features": ", ".join(sorted(name for name, here in _numpy_features().items() if here)),
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model", "cpu model"):
                return value.strip()
    return platform.processor()


def _numpy_features() -> Mapping[str, bool]:
    umath = getattr(np, "_core", None) or np.core
    features: Mapping[str, bool] = umath._multiarray_umath.__cpu_features__
    return features


def _threads() -> Environment:
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "intra_op": torch.get_num_threads(),
        "inter_op": torch.get_num_interop_threads(),
        "cpus": os.cpu_count(),
        "cpus_usable": affinity,
    }


def _blas() -> Environment:
    libraries: Environment = {}
    for library in _threadpool_info():
        kept = {
            key: library.get(key)
            for key in ("internal_api", "version", "architecture", "threading_layer", "num_threads")
        }
        package = Path(library["filepath"]).parent.name.removesuffix(".libs")  # NumPy and SciPy each bring their own
        libraries[f"{package}:{library['prefix']}"] = kept
    return libraries


def _threadpool_info() -> list[dict[str, Any]]:
    # Importing threadpoolctl sets this variable, which OpenMP runtimes read; looking must leave nothing behind.
    name = "KMP_DUPLICATE_LIB_OK"
    before = os.environ.get(name)
    from threadpoolctl import threadpool_info

    if before is None:
        os.environ.pop(name, None)
    found: list[dict[str, Any]] = threadpool_info()
    return found


def _gpu() -> Environment:
    versions: Environment = {"cuda": torch.version.cuda, "hip": torch.version.hip, "xpu": torch.version.xpu}
    found: Environment = {name: version for name, version in versions.items() if version is not None}
    if torch.backends.mps.is_available():
        found["mps"] = platform.mac_ver()[0]
    if torch.version.cuda is None:
        return found
    found["cudnn"] = torch.backends.cudnn.version()
    # Asked from outside, because asking torch for more than the count would initialise CUDA here.
    if shutil.which("nvidia-smi"):
        answer = _output_of("nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader")
        rows = (answer or "").splitlines()
        found["devices"] = {str(index): row.strip() for index, row in enumerate(rows)}
    return found


def _flags() -> Environment:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "deterministic_warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fill_uninitialized_memory": getattr(torch.utils.deterministic, "fill_uninitialized_memory"),  # noqa: B009  # not declared
        **_fp32_precision(),
        "default_dtype": str(torch.get_default_dtype()),
        "cudnn_enabled": bool(cudnn.enabled),
        "cudnn_deterministic": bool(cudnn.deterministic),
        "cudnn_benchmark": bool(cudnn.benchmark),
        "cuda_matmul_fp16_reduction": str(matmul.allow_fp16_reduced_precision_reduction),
        "cuda_matmul_bf16_reduction": str(matmul.allow_bf16_reduced_precision_reduction),
        "mkldnn_enabled": torch.backends.mkldnn.enabled,
        "mkldnn_deterministic": getattr(torch.backends.mkldnn, "deterministic", None),
    }


def _fp32_precision() -> Environment:
    backends = torch.backends
    if not hasattr(backends, "fp32_precision"):  # before torch 2.9
        return {
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "cudnn_allow_tf32": bool(backends.cudnn.allow_tf32),
            "cuda_matmul_allow_tf32": backends.cuda.matmul.allow_tf32,
        }
    # These also show what the older switches did; reading the older ones raises once a newer one was used.
    operations = ("matmul", "conv", "rnn")
    owners = ("cuda.matmul", "cudnn", "cudnn.conv", "cudnn.rnn", "mkldnn", *(f"mkldnn.{name}" for name in operations))
    precisions = {owner: attrgetter(f"{owner}.fp32_precision")(backends) for owner in owners}
    return {"fp32_precision": {"generic": backends.fp32_precision, **precisions}}


def _variables() -> Environment:
    return {name: os.environ[name] for name in sorted(os.environ) if name.startswith(_VARIABLES)}


def _git() -> Environment:
    commit = _output_of("git", "rev-parse", "HEAD")
    # Without optional locks, status leaves the index alone, and a commit that is made at the same time.
    status = _output_of("git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if commit is None or status is None else bool(status)}


def _output_of(*command: str) -> str | None:
    """Return what a program says, or ``None`` if it is not there, fails, or does not answer within 20 seconds."""
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _name_and_version(found: Distribution) -> tuple[str | None, str]:
    # What comes before the description is parsed alone, which takes a tenth of the time.
    head = HeaderParser().parsestr((found.read_text("METADATA") or "").partition("\n\n")[0])
    name, version = head["Name"], head["Version"]
    return (name, version) if name and version else (found.metadata["Name"], found.version)


def _packages() -> Environment:
    versions: Environment = {}
    for found in distributions():  # in the order of the import path: the first of a name is the one imported
        try:
            name, version = _name_and_version(found)
        except (UnicodeError, KeyError) as error:
            name, version = str(getattr(found, "_path", found)), f"unreadable metadata: {error}"
        if name:
            versions.setdefault(name, version)
    return {name: versions[name] for name in sorted(versions, key=str.lower)}
