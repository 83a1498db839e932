from __future__ import annotations

from pathlib import Path

import pytest

from samerun.errors import VerifyError
from samerun.verify.config import Config, read, read_only


def config(folder, *lines):
    (folder / "pyproject.toml").write_text("\n".join(["[tool.samerun.verify]", *lines]))
    return read(folder)


def test_without_settings_there_are_none(tmp_path):
    assert read(tmp_path) == Config()
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    assert read(tmp_path) == Config()


def test_all_settings(tmp_path):
    found = config(
        tmp_path,
        "command = \"python train.py --name 'a b'\"",
        'resume-cmd = ["python", "train.py", "--resume"]',
        "steps = 20",
        "timeout = 1.5",
        "jobs = 2",
        'only = ["repeat", "workers"]',
        'skip = ["eda"]',
        'data = ["images"]',
        'baseline = "accepted.json"',
    )
    assert found == Config(
        command=("python", "train.py", "--name", "a b"),
        resume_cmd=("python", "train.py", "--resume"),
        steps=20,
        timeout=1.5,
        jobs=2,
        only=("repeat", "workers"),
        skip=("eda",),
        data=("images",),
        baseline=Path("accepted.json"),
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("step = 3", "step: is no key; there are: command, resume-cmd, steps"),
        ('steps = "3"', "steps: found '3', expected a whole number from 1"),
        ("steps = 0", "steps: found 0, expected a whole number from 1"),
        ("steps = true", "steps: found True, expected"),
        ("jobs = 1.5", "jobs: found 1.5, expected a whole number from 1"),
        ("timeout = -1", "timeout: found -1, expected a number of seconds above 0"),
        ("timeout = nan", "timeout: found nan, expected a number of seconds above 0"),
        ('only = "repeat"', "only: found 'repeat', expected a list of scenarios"),
        ("data = [1]", r"data: found \[1\], expected a list of paths"),
        ("command = 'a \"b'", "command: found 'a \"b', expected a text as in the shell"),
        ("baseline = []", r"baseline: found \[\], expected a path"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, line, message):
    with pytest.raises(VerifyError, match=rf"pyproject\.toml: tool\.samerun\.verify\.{message}"):
        config(tmp_path, line)


@pytest.mark.parametrize("text", ["[tool", "tool = 1", "[tool]\nsamerun = 1", "[tool.samerun]\nverify = 'x'"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(VerifyError, match=r"pyproject\.toml: "):
        read(tmp_path)


def test_paths_of_data_are_those_below_the_folder(tmp_path):
    for name in ("data/images", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("/")
    names = ["./data/", "data/images", str(tmp_path / "other"), "other/../link"]
    assert read_only(names, tmp_path) == {"data", "data/images", "other", "link"}


@pytest.mark.parametrize(
    ("name", "message"), [("nothing", "is not there"), ("..", "is not below"), (".", "is not below")]
)
def test_a_path_of_data_that_is_none_is_refused(tmp_path, name, message):
    with pytest.raises(VerifyError, match=f"--data {name}: {message}"):
        read_only([name], tmp_path)
