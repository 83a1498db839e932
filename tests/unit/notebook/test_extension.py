"""Loading and unloading: nothing changes, and nothing is left behind."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

import samerun
from draws import bare_states
from samerun.errors import MissingExtraError, NotebookError
from samerun.notebook import load_ipython_extension, unload_ipython_extension
from samerun.rng.ownership import stack


def everything(shell):
    """Return what an extension could leave in a shell."""
    manager = shell.input_transformer_manager
    return (
        {event: list(callbacks) for event, callbacks in shell.events.callbacks.items()},
        {kind: dict(table) for kind, table in shell.magics_manager.magics.items()},
        dict(vars(shell.user_magics)) if hasattr(shell, "user_magics") else {},
        dict(shell.magics_manager.registry),
        list(manager.cleanup_transforms),
        list(manager.line_transforms),
        list(manager.token_transformers),
        list(shell.ast_transformers),
        list(shell.input_transformers_post),
        {name for name in shell.user_ns if not name.startswith("_")},  # IPython counts cells in the others
    )


def test_unloading_leaves_nothing_behind(bare, tmp_path):
    before = everything(bare.shell)
    load_ipython_extension(bare.shell)
    assert everything(bare.shell) != before
    bare("%%isolate\nrandom.random()", "%%stream a\nrandom.random()", "%rng journal", "%rng guard main")
    bare(f"%rng journal --file {tmp_path / 'journal'}")
    unload_ipython_extension(bare.shell)
    assert everything(bare.shell) == before
    again = tmp_path / "journal"
    load_ipython_extension(bare.shell)
    bare(f"%rng journal --file {again}")  # the file is free again


def test_loading_and_unloading_draw_nothing(bare):
    before = bare_states()
    load_ipython_extension(bare.shell)
    bare("x = 1")
    unload_ipython_extension(bare.shell)
    bare("x = 1")
    assert bare_states() == before


def test_without_it_a_mark_is_a_comment_and_the_magics_are_unknown(cells):
    unload_ipython_extension(cells.shell)
    before = bare_states()
    cells("# samerun: train\nrandom.random()")
    assert bare_states() != before
    assert "not found" in str(cells.failing("%rng"))


def test_by_ipython_s_own_magics(bare):
    bare.failing("%load_ext")  # IPython loads its own magics at their first use
    before = everything(bare.shell)
    bare("%load_ext samerun", "%%isolate\nrandom.random()", "%load_ext samerun", "%reload_ext samerun")
    bare("%%isolate\nrandom.random()", "%rng", "%unload_ext samerun")
    assert everything(bare.shell) == before


@pytest.mark.parametrize("mark", ["%%isolate", "%%stream train"])
def test_unloading_inside_a_block_ends_it(bare, mark):
    bare("%load_ext samerun")
    before = bare_states()
    bare(f"{mark}\nrandom.random()\n%unload_ext samerun")
    assert bare_states() == before
    assert not stack.is_isolated(None)
    bare("random.random()")


def test_loading_twice_is_loading_once(cells):
    before = everything(cells.shell)
    load_ipython_extension(cells.shell)
    assert everything(cells.shell) == before


def test_magics_of_others_with_these_names_come_back(bare):
    def rng(line):
        return "theirs"

    bare.shell.magics_manager.magics["line"]["rng"] = rng
    load_ipython_extension(bare.shell)
    assert bare("%rng") != "theirs"
    unload_ipython_extension(bare.shell)
    assert bare("%rng") == "theirs"
    bare.shell.magics_manager.magics["line"].pop("rng")


def test_magics_registered_over_ours_stay(bare):
    load_ipython_extension(bare.shell)
    bare.shell.magics_manager.magics["line"]["rng"] = lambda line: "theirs"
    unload_ipython_extension(bare.shell)
    assert bare("%rng") == "theirs"
    bare.shell.magics_manager.magics["line"].pop("rng")


@pytest.mark.parametrize("line", ["%rng what", "%rng --all", "%rng journal --al", "%rng journal 3", "%rng unwatch"])
def test_words_that_are_not_known_are_refused(cells, line):
    error = cells.failing(line)
    assert isinstance(error, NotebookError)
    assert error._render_traceback_() == [f"NotebookError: {error}"]


def test_two_shells_have_a_journal_each(bare):
    other = type(bare)()
    other("import random")
    load_ipython_extension(bare.shell)
    load_ipython_extension(other.shell)
    try:
        bare("random.random()")
        other("x = 1", "y = 2")
        assert [len(bare.recorder.journal), len(other.recorder.journal)] == [1, 2]
    finally:
        unload_ipython_extension(other.shell)


def test_importing_samerun_or_its_notebook_package_does_not_import_ipython():
    code = "import sys, samerun, samerun.notebook; samerun.load_ipython_extension; samerun.notebook"
    code += "\nassert not {'IPython', 'torch', 'nbclient', 'nbformat'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_ipython_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.core.interactiveshell", None)
    monkeypatch.setitem(sys.modules, "IPython", None)
    for name in [name for name in sys.modules if name.startswith("samerun.notebook.shell")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r'pip install "samerun\[notebook\]"'):
        samerun.load_ipython_extension(object())


def test_it_is_samerun_s_but_not_among_its_names():
    assert samerun.load_ipython_extension is load_ipython_extension
    assert samerun.unload_ipython_extension is unload_ipython_extension
    assert "load_ipython_extension" not in samerun.__all__
    random.random()
