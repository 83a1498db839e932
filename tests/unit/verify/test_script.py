"""The command of a run is that of the owner, and what it names is the copy."""

import subprocess
from pathlib import Path

import pytest

from samerun.errors import VerifyError
from samerun.verify import Script


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    for path in (folder / "train.sh", folder / ".venv" / "bin" / "python", tmp_path / "venv" / "bin" / "python"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\npwd")
        path.chmod(0o700)
    return folder


def command(project, *argv, **options):
    return Script(argv, cwd=project, **options).command(Path("/to"), resumed=False)


@pytest.mark.parametrize(
    ("argument", "becomes"),
    [
        ("{project}/train.py", "train.py"),
        ("{project}/lib/../train.py", "train.py"),
        ("{project}", "."),
        ("--save={project}/last.pt", "--save=last.pt"),
        ("{project}/lr=1/last.pt", "lr=1/last.pt"),
        ("{link}/train.py", "train.py"),
        ("{project}er/train.py", "{project}er/train.py"),
        ("../data", "../data"),
        ("--lr=1", "--lr=1"),
        ("--save={{out}}/a=b", "--save=/to/a=b"),
    ],
)
def test_absolute_paths_of_what_is_copied_are_seen_from_the_folder(project, argument, becomes):
    link = project.parent / "link"
    link.symlink_to(project)
    names = {"project": project, "link": link}
    assert command(project, "python", argument.format(**names)) == ("python", becomes.format(**names))


@pytest.mark.parametrize(
    ("program", "becomes"),
    [
        ("../venv/bin/python", "{parent}/venv/bin/python"),
        ("./train.sh", "./train.sh"),
        ("{parent}/project/train.sh", "./train.sh"),
        (".venv/bin/python", "{parent}/project/.venv/bin/python"),
        ("python", "python"),
    ],
)
def test_a_program_is_that_of_the_copy_or_named_from_the_root(project, program, becomes):
    parent = project.parent
    found = command(project, program.format(parent=parent))
    assert found == (becomes.format(parent=parent),)
    elsewhere = parent / "a" / "copy"
    elsewhere.mkdir(parents=True)
    (elsewhere / "train.sh").write_bytes((project / "train.sh").read_bytes())
    (elsewhere / "train.sh").chmod(0o700)
    if program != "python":
        assert subprocess.check_output(found, cwd=elsewhere, text=True).strip() == str(elsewhere)


@pytest.mark.parametrize("program", ["../venv/bin/none", "train.sh", "none"])
def test_a_program_that_is_not_there_is_refused(project, program):
    with pytest.raises(VerifyError, match="is no program"):
        command(project, program)
    with pytest.raises(VerifyError, match="is no program"):
        command(project, "python", resume=(program,))
