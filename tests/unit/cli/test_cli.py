from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = [sys.executable, "-m", "samerun"]
SCRIPT = [str(Path(sys.executable).with_name("samerun"))]


def run(*arguments, command=MODULE, **options):
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["env", "--help"], ["demo", "--help"], ["nonsense"]])
def test_script_and_module_are_alike(arguments):
    by_module, by_script = run(*arguments), run(*arguments, command=SCRIPT)
    assert (by_module.returncode, by_module.stdout, by_module.stderr) == (
        by_script.returncode,
        by_script.stdout,
        by_script.stderr,
    )
    assert by_module.returncode == (2 if arguments == ["nonsense"] else 0)


def test_env_shows_a_tree():
    answer = run("env")
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert "threads\n  intra_op" in answer.stdout


def test_env_against_the_same_environment(tmp_path):
    recorded = tmp_path / "env.json"
    recorded.write_text(run("env", "--json", cwd=tmp_path).stdout)
    answer = run("env", "--against", str(recorded), cwd=tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "same environment\n")
    answer = run("env", "--json", "--against", str(recorded), cwd=tmp_path)
    assert (answer.returncode, json.loads(answer.stdout)) == (0, [])


def test_env_against_another_environment_shows_the_rows(tmp_path):
    found = json.loads(run("env", "--json").stdout)
    found["threads"]["intra_op"] = 99
    found["packages"].pop("numpy")
    recorded = tmp_path / "env.json"
    recorded.write_text(json.dumps(found))
    answer = run("env", "--against", str(recorded))
    assert answer.returncode == 1
    assert "2 entries differ" in answer.stdout
    assert "threads.intra_op" in answer.stdout
    assert "packages.numpy" in answer.stdout
    answer = run("env", "--json", "--against", str(recorded))
    assert answer.returncode == 1
    assert [row["name"] for row in json.loads(answer.stdout)] == ["threads.intra_op", "packages.numpy"]
    assert json.loads(answer.stdout)[0]["recorded"] == 99


@pytest.mark.parametrize("content", ["not json", "[1]", "{}", '{"hello": 1}', "\udcff"])
def test_env_against_something_unreadable_cannot_tell(tmp_path, content):
    recorded = tmp_path / "env.json"
    recorded.write_bytes(content.encode("utf-8", "surrogateescape"))
    answer = run("env", "--against", str(recorded))
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "env.json" in answer.stderr


def test_env_into_a_pipe_that_closes_says_nothing():
    answer = subprocess.run(f"{SCRIPT[0]} env | true", shell=True, capture_output=True, text=True, check=False)
    assert answer.stderr == ""


def test_env_against_nothing_cannot_tell(tmp_path):
    answer = run("env", "--against", str(tmp_path / "missing.json"))
    assert answer.returncode == 2


def test_a_folder_that_cannot_be_made_cannot_tell(tmp_path):
    (tmp_path / "file").write_text("")
    answer = run("demo", "--out", str(tmp_path / "file" / "folder"))
    assert answer.returncode == 2
    assert "error: [Errno 20] Not a directory" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("package", ["click", "rich"])
def test_without_its_extra_the_command_line_says_what_to_install(package):
    code = f"import sys; sys.modules[{package!r}] = None; sys.argv = ['samerun', 'env']\n"
    code += "import samerun.__main__ as m; m.main()"
    answer = run(command=[sys.executable, "-c", code])
    assert answer.returncode == 2
    assert answer.stderr == f'error: {package} is not installed; run: pip install "samerun[cli]"\n'


@pytest.mark.parametrize("package", ["sklearn", "matplotlib"])
def test_without_its_extra_the_demo_says_what_to_install_before_it_runs(package, tmp_path):
    code = (
        "import importlib.util as u, sys; find = u.find_spec\n"
        f"u.find_spec = lambda name, *a: None if name == {package!r} else find(name, *a)\n"
        "sys.argv = ['samerun', 'demo']; import samerun.__main__ as m; m.main()"
    )
    answer = run(command=[sys.executable, "-c", code], cwd=tmp_path)
    assert answer.returncode == 2
    assert 'pip install "samerun[demo]"' in answer.stderr
    assert list(tmp_path.iterdir()) == []
