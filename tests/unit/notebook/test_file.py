"""The journal's file: what is in it comes back bit by bit, damage is found, and one kernel has it."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samerun.errors import NotebookError
from samerun.notebook import file
from samerun.notebook.draws import Span
from samerun.notebook.entry import Entry
from samerun.notebook.file import JournalFile
from samerun.notebook.journal import Journal
from samerun.notebook.states import Kept, read
from samerun.notebook.streams import Position
from samerun.rng.registry import global_sources


def now(known=None):
    return read(global_sources().values(), known or {})


def entry(number, before, after=None, **more):
    return Entry(number, 1, number, f"cell {number}", Span("", before, after or before), **more)


def in_words(found):
    """Return all of an entry, with states by their bits."""
    positions = {name: (at.seed, Kept(at.state).fingerprint()) for name, at in found.positions.items()}
    spans = [
        (s.label, Kept(s.before).fingerprint(), Kept(s.after).fingerprint()) for s in (*found.blocks, found.outside)
    ]
    return found.number, found.kernel, found.count, found.code, found.note, spans, positions


def journal_in(path, entries, kept=1000):
    journal = Journal(kept)
    journal.keep_in(path)
    for found in entries:
        journal.append(found)
    journal.close()
    return journal


def some_entries(count):
    states, entries = [now()], []
    for number in range(1, count + 1):
        random.random()
        states.append(now(states[-1]))
        entries.append(entry(number, states[-2], states[-1]))
    return entries


def read_back(path):
    journal = Journal()
    journal.keep_in(path)
    journal.close()
    return list(journal)


def test_what_is_in_it_comes_back(tmp_path):
    first = now()
    random.random()
    second = now(first)
    blocks = (Span("train", first, second), Span("isolate", second, first))
    positions = {"train": Position(7, first), "main": Position(None, {})}
    written = [
        entry(1, first, second, blocks=blocks, positions=positions, note="rewound"),
        Entry(2, 1, None, "x = '漢字 \\u2028\n\x00'", Span("", second, second)),
        entry(3, {}, {}),
    ]
    journal_in(tmp_path / "journal", written)
    assert [in_words(found) for found in read_back(tmp_path / "journal")] == [in_words(found) for found in written]


def test_states_are_shared_again(tmp_path):
    journal_in(tmp_path / "journal", some_entries(3))
    first, second, _ = read_back(tmp_path / "journal")
    assert first.outside.after["python"] is second.outside.before["python"]
    assert first.outside.before["numpy"] is second.outside.after["numpy"]
    assert [draw.count for draw in first.outside.draws] == [2]


def test_a_state_is_written_once(tmp_path):
    journal_in(tmp_path / "journal", some_entries(4))
    lines = [json.loads(line.split(b" ", 1)[1]) for line in (tmp_path / "journal").read_bytes().splitlines()]
    assert [len(line.get("states", {})) for line in lines] == [0, 4, 1, 1, 1]


def test_there_is_no_pickle_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "load", None)
    journal_in(tmp_path / "journal", some_entries(2))
    assert len(read_back(tmp_path / "journal")) == 2
    assert (tmp_path / "journal").read_bytes().isascii()


@pytest.mark.parametrize("cut", [2, 40, 1000])
def test_a_last_line_that_was_cut_off_counts_as_not_written(tmp_path, cut):
    path = tmp_path / "journal"
    journal_in(path, some_entries(3))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert [found.number for found in read_back(path)] == [1, 2]
    assert [found.number for found in read_back(path)] == [1, 2]  # the rest of it is gone


def test_one_that_lacks_its_end_only_is_whole(tmp_path):
    path = tmp_path / "journal"
    journal_in(path, some_entries(3))
    path.write_bytes(path.read_bytes()[:-1])
    assert [found.number for found in read_back(path)] == [1, 2, 3]


@settings(max_examples=30, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_other_damage_is_refused_and_the_file_stays(tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal_in(path, some_entries(2))
    content = bytearray(path.read_bytes())
    place %= len(content) - 1  # the last byte ends the line
    content[place] ^= 1 << bit
    path.write_bytes(content)
    journal = Journal()
    with pytest.raises(NotebookError, match="is not one of a journal"):
        journal.keep_in(path)
    assert journal.path is None
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"hello\n", b'{"cells": []}\n', os.urandom(100) + b"\n"])
def test_other_files_are_not_touched(tmp_path, content):
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match="line 1 is not one of a journal"):
        Journal().keep_in(path)
    assert path.read_bytes() == content


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "journal"
    journal_in(path, [])
    path.write_bytes(file._line({"samerun": "rng journal", "version": 2}))
    with pytest.raises(NotebookError, match="another version"):
        Journal().keep_in(path)


@pytest.mark.parametrize("dtype", ["load", "Tensor", "save", "nothing"])
def test_a_dtype_that_is_none_is_refused(tmp_path, dtype):
    path = tmp_path / "journal"
    state = {"kind": "k", "fields": {"words": [dtype, [1], "AAAA"]}}
    path.write_bytes(file._line(file._HEADER) + file._line({"states": {"1": state}, "entry": {}}))
    with pytest.raises(NotebookError, match="line 2"):
        Journal().keep_in(path)


def test_the_file_stays_small(tmp_path):
    path = tmp_path / "journal"
    entries = some_entries(25)
    journal_in(path, entries, kept=5)
    lines = path.read_bytes().count(b"\n") - 1
    assert 5 <= lines <= 10
    assert [in_words(found) for found in read_back(path)][-5:] == [in_words(found) for found in entries[-5:]]


def test_a_second_kernel_goes_on_with_the_numbers(tmp_path):
    path = tmp_path / "journal"
    journal_in(path, some_entries(2))
    second = Journal()
    second.append(entry(1, now()))
    assert second.keep_in(path) == 2
    second.append(Entry(second.next_number, second.kernel, 2, "new", Span("", now(), now())))
    second.close()
    found = read_back(path)
    assert [(e.number, e.kernel, e.count) for e in found] == [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2)]


def test_two_journals_cannot_have_one_file(tmp_path):
    path = tmp_path / "journal"
    first = Journal()
    first.keep_in(path)
    code = f"from pathlib import Path; from samerun.notebook.file import JournalFile; JournalFile(Path({str(path)!r}))"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "another kernel keeps its journal there; give another file" in second.stderr
    first.close()
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_that_is_kept_elsewhere_moves(tmp_path):
    journal = Journal()
    journal.keep_in(tmp_path / "a")
    journal.append(some_entries(1)[0])
    journal.keep_in(tmp_path / "b")
    assert journal.keep_in(tmp_path / "b") == 0
    assert journal.path == tmp_path / "b"
    JournalFile(tmp_path / "a").close()
    journal.close()
    assert len(read_back(tmp_path / "b")) == 1


def test_a_directory_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(NotebookError, match="no such directory"):
        Journal().keep_in(tmp_path / "missing" / "journal")
    assert list(tmp_path.iterdir()) == []


def test_when_it_cannot_be_written_the_journal_goes_on_in_memory_and_says_so(tmp_path, monkeypatch):
    journal = Journal()
    journal.keep_in(tmp_path / "journal")
    first, second = some_entries(2)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(NotebookError, match=r"cannot be written .*No space left.* in memory only"):
            journal.append(first)
    journal.append(second)
    assert [found.number for found in journal] == [1, 2]
    assert journal.path is None


# --- as a cell asks for it


def test_the_place_is_beside_the_notebook(cells, tmp_path, monkeypatch, capsys):
    error = cells.failing("%rng journal --file")
    assert "the kernel does not know the notebook's name here" in str(error)
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "work.ipynb"))
    cells("%rng journal --file")
    assert cells.recorder.journal.path == tmp_path / "work.rng-journal"
    cells(f"__vsc_ipynb_file__ = {str(tmp_path / 'code.ipynb')!r}", "%rng journal --file")
    assert cells.recorder.journal.path == tmp_path / "code.rng-journal"
    cells("%rng journal --no-file")
    assert cells.recorder.journal.path is None


def test_a_full_disk_fails_the_cell_once(cells, tmp_path, monkeypatch):
    cells(f"%rng journal --file {tmp_path / 'journal'}")
    real = Path.open

    def full(self, mode="r", *args, **kwargs):
        if mode == "ab":
            raise OSError(28, "No space left on device")
        return real(self, mode, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        assert "in memory only" in str(cells.failing("x = 1"))
        cells("y = 2")
    assert [found.code for found in cells.recorder.journal][-2:] == ["x = 1", "y = 2"]
