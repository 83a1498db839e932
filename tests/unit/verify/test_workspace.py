"""Each run is made in a copy, so that nothing of the owner's can change."""

import os
import sys
from pathlib import Path

import pytest

from samerun.errors import VerifyError
from samerun.verify import Script, workspace
from samerun.verify.workspace import Workspace


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    for name in ("train.py", "lib/net.py", "data/images/1.png", "__pycache__/train.pyc", ".git/HEAD", ".venv/python"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "link").symlink_to(folder / "data")
    return folder


def made(project, tmp_path, **options):
    script = Script(("python", "train.py"), cwd=project, **options)
    return Workspace.make(tmp_path / "space", script, tmp_path)


def test_what_a_run_writes_into_its_folder_is_not_written_into_the_owners(project, tmp_path):
    space = made(project, tmp_path)
    for path in ("train.py", "lib/net.py", "data/images/1.png"):
        assert (space.cwd / path).read_text() == path
        (space.cwd / path).write_text("changed")
        assert (project / path).read_text() == path
    (space.cwd / "new.pt").touch()
    assert not (project / "new.pt").exists()
    assert list(space.out.iterdir()) == []


def test_environments_links_and_data_are_links_and_caches_are_left_out(project, tmp_path):
    space = made(project, tmp_path, data=frozenset({"data/images"}))
    linked = [path.relative_to(space.cwd) for path in space.cwd.rglob("*") if path.is_symlink()]
    assert sorted(map(str, linked)) == [".git", ".venv", "data/images", "link"]
    assert os.path.realpath(space.cwd / "data/images") == str((project / "data/images").resolve())
    assert not (space.cwd / "__pycache__").exists()


def test_the_place_of_all_workspaces_is_not_copied_into_one(project):
    kept = project / "kept"
    kept.mkdir()
    space = Workspace.make(kept / "space", Script(("python", "train.py"), cwd=project), kept)
    assert not (space.cwd / "kept").exists()


@pytest.mark.parametrize("absolute", [False, True])
def test_a_link_within_the_folder_leads_to_the_copy(project, tmp_path, absolute):
    above = project if absolute else Path("..")
    (project / "lib" / "last").symlink_to(above / "data" / "images")
    (project / "lib" / "again").symlink_to(above / "lib" / "last")
    space = made(project, tmp_path)
    for link in ("link/images", "lib/last", "lib/again"):
        (space.cwd / link / "1.png").write_text(link)
        assert (space.cwd / "data/images/1.png").read_text() == link
    assert (project / "data/images/1.png").read_text() == "data/images/1.png"


def test_a_link_within_the_folder_leads_through_the_data_that_is_linked(project, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "2.png").write_text("2")
    (project / "large").symlink_to(outside)
    (project / "first").symlink_to("large/2.png")
    space = made(project, tmp_path, data=frozenset({"large"}))
    assert (space.cwd / "first").read_text() == "2"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_folder_is_refused_unless_it_is_data(project, tmp_path, kind):
    outside = tmp_path / "outside"
    outside.mkdir() if kind == "folder" else outside.touch()
    (project / "lib" / "out").symlink_to(outside)
    with pytest.raises(VerifyError, match=r"is a link to \S+/outside, .* --data lib/out"):
        made(project, tmp_path)
    space = Workspace.make(tmp_path / "other", Script(("python",), cwd=project, data=frozenset({"lib/out"})), tmp_path)
    assert (space.cwd / "lib" / "out").resolve() == outside


def test_a_link_that_leads_nowhere_outside_is_left_out(project, tmp_path):
    (project / "best").symlink_to(tmp_path / "gone")
    (project / "newest").symlink_to("made-later")
    space = made(project, tmp_path)
    assert not (space.cwd / "best").is_symlink()
    (space.cwd / "newest").write_text("1")
    assert (space.cwd / "made-later").read_text() == "1"
    assert not (project / "made-later").exists()


def test_a_link_to_itself_is_one_in_the_copy_too(project, tmp_path):
    (project / "loop").symlink_to("loop")
    assert (made(project, tmp_path).cwd / "loop").is_symlink()


def test_an_environment_of_any_name_is_linked(project, tmp_path):
    (project / "env").mkdir()
    (project / "env" / "pyvenv.cfg").touch()
    (project / "env" / "python").symlink_to(sys.executable)
    assert (made(project, tmp_path).cwd / "env").is_symlink()


@pytest.mark.parametrize(("name", "most"), [("_LARGEST", 3), ("_MOST", 2)])
def test_what_is_too_much_to_copy_is_refused_with_what_to_do(project, tmp_path, monkeypatch, name, most):
    monkeypatch.setattr(workspace, name, most)
    with pytest.raises(VerifyError, match=r"copied for each run.* --data \S+"):
        made(project, tmp_path)


def test_folders_of_many_small_files_are_bounded_and_the_largest_is_named(project, tmp_path, monkeypatch):
    sizes = {"images": 300, "labels": 200, "ckpt": 100}
    for name, size in sizes.items():
        (project / name).mkdir()
        for number in range(2):
            (project / name / f"{number}.bin").write_bytes(bytes(size // 2))
    written = sum(path.stat().st_size for path in project.glob("**/*") if path.parts[-2] in {"lib", *sizes})
    monkeypatch.setattr(workspace, "_TOTAL", written)
    with pytest.raises(VerifyError, match=r"is one of \d+ files of 6\d\d bytes, .* --data images$"):
        made(project, tmp_path)
    monkeypatch.setattr(workspace, "_TOTAL", 2 * written)
    assert (Workspace.make(tmp_path / "other", Script(("python",), cwd=project), tmp_path).cwd / "ckpt").is_dir()


def test_the_copies_are_removed_and_what_was_recorded_stays(project, tmp_path):
    space = made(project, tmp_path)
    space.trace(0).touch()
    space.remove_copies()
    assert [path.name for path in space.root.iterdir()] == ["this run.trace"]
    assert (project / "train.py").exists()
    assert (project / "data" / "images" / "1.png").exists()  # links are removed, not what they lead to
