from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from samerun.determinism import Change, compare_environments, environment


def test_it_is_json_and_names_what_changes_bits():
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert (
        found["packages"]["torch"] == torch.__version__.split("+")[0] or found["packages"]["torch"] == torch.__version__
    )
    assert found["packages"]["numpy"] == np.__version__
    assert found["threads"]["intra_op"] == torch.get_num_threads()
    assert found["cpu"]["torch_capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["blas"]
    assert set(found) == {
        "python",
        "platform",
        "cpu",
        "threads",
        "blas",
        "gpu",
        "flags",
        "variables",
        "git",
        "packages",
    }


def differences_in_a_process(code="pass", **variables):
    """Compare this process's environment with that of a fresh one in which something was changed."""
    program = f"import samerun, torch, json; {code}; print(json.dumps(samerun.environment()))"

    def record(code, variables):
        process = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=True
        )
        return json.loads(process.stdout)

    plain = record("import samerun, torch, json; print(json.dumps(samerun.environment()))", {})
    return {change.name: change for change in compare_environments(plain, record(program, variables))}


@pytest.mark.parametrize(
    ("code", "variables", "names"),
    [
        ("pass", {}, set()),
        ("torch.set_num_threads(1)", {}, {"threads.intra_op"}),
        ("torch.backends.cudnn.benchmark = True", {}, {"flags.cudnn_benchmark"}),
        ("torch.set_float32_matmul_precision('medium')", {}, {"flags.fp32_precision.mkldnn.matmul"}),
        ("pass", {"ATEN_CPU_CAPABILITY": "default"}, {"variables.ATEN_CPU_CAPABILITY", "cpu.torch_capability"}),
        ("pass", {"PYTHONHASHSEED": "7"}, {"variables.PYTHONHASHSEED", "python.hash_seed"}),
    ],
)
def test_what_was_changed_is_what_differs(code, variables, names):
    assert names <= differences_in_a_process(code, **variables).keys()
    if not names:
        assert differences_in_a_process(code, **variables) == {}


def test_git_commit_and_dirt(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment()["git"] == {"commit": None, "dirty": None}

    def git(*arguments):
        settings = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *settings, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "train.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    (tmp_path / "env.json").write_text("")  # the shell makes it before `samerun env --json > env.json` looks
    assert environment()["git"] == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "train.py").write_text("x = 2\n")
    assert environment()["git"]["dirty"] is True


def test_every_blas_library_is_recorded_though_they_share_a_name():
    code = "import numpy, scipy.linalg, samerun; print(*samerun.environment()['blas'])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy:libscipy_openblas", "scipy:libscipy_openblas"} <= set(answer)


def test_other_variables_of_the_process_are_not_recorded(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    variables = environment()["variables"]
    assert variables["OMP_NUM_THREADS"] == "3"
    assert "secret" not in variables.values()


@pytest.mark.parametrize(
    "switch",
    [
        "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
        "torch.backends.fp32_precision = 'ieee'",
        "torch.backends.mkldnn.matmul.fp32_precision = 'bf16'",
    ],
)
def test_the_newer_switches_of_precision_are_recorded(switch):
    assert any(name.startswith("flags.fp32_precision.") for name in differences_in_a_process(switch))


def test_a_removed_working_directory_and_metadata_that_cannot_be_read(tmp_path):
    broken = tmp_path / "site" / "broken-1.0.dist-info"
    broken.mkdir(parents=True)
    (broken / "METADATA").write_bytes(b"Name: \xff\n")
    code = "import os, samerun; samerun.environment(); os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
    code += "found = samerun.environment(); assert found['git'] == {'commit': None, 'dirty': None}"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_looking_changes_nothing():
    code = """
import os, random, torch, samerun
before = dict(os.environ), random.getstate(), torch.get_rng_state().tolist(), torch.get_num_threads()
samerun.environment()
assert (dict(os.environ), random.getstate(), torch.get_rng_state().tolist(), torch.get_num_threads()) == before
"""
    environment = {name: value for name, value in os.environ.items() if name != "KMP_DUPLICATE_LIB_OK"}
    for given in (environment, {**environment, "KMP_DUPLICATE_LIB_OK": "False"}):
        subprocess.run([sys.executable, "-c", code], env=given, check=True)


def test_a_hash_seed_that_only_pretends_is_not_recorded(monkeypatch):
    before = environment()["python"]["hash_seed"]
    monkeypatch.setenv("PYTHONHASHSEED", "12345")
    assert environment()["python"]["hash_seed"] == before


def test_comparison_names_changed_missing_and_new_entries():
    first = {"a": {"x": 1, "y": 2}, "b": True}
    second = {"a": {"x": 1, "z": 3}, "b": 1}
    assert compare_environments(first, second) == (
        Change("a.y", 2, None),
        Change("b", True, 1),
        Change("a.z", None, 3),
    )
    assert compare_environments(first, first) == ()
    assert str(Change("a.y", 2, None)) == "a.y: 2 -> None"
