"""Checkpoints made by somebody who wants to do harm, or by a disk that went bad."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import struct
from pathlib import Path

import pytest
import torch
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from samerun.checkpoint import Store, manifest
from samerun.checkpoint.blocks import DTYPES
from samerun.errors import CheckpointError, StateError
from samerun.state import first_difference
from states import Unsynced, training_state

STEP, MANIFEST, TENSORS = "step-000000001", "manifest.json", "rank-00000.safetensors"


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def folder(tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    Store(runs, files=Unsynced()).save(1, training_state(1), {"epoch": 1})
    return runs / STEP


def reseal(folder, change):
    """Change the manifest's document in place, and write it with a checksum that fits."""
    path = folder / MANIFEST
    document = manifest.parse(path.read_bytes())
    path.write_bytes(manifest.dump(change(document) or document))


def put_tensors(folder, data):
    """Replace the file of tensors by data that the manifest vouches for."""
    (folder / TENSORS).write_bytes(data)

    def change(document):
        checksum = xxhash.xxh3_128_hexdigest(data)
        document["ranks"][0]["files"] = {TENSORS: {"size": len(data), "xxh3_128": checksum}}

    reseal(folder, change)


def move_and_link(path):
    outside = path.parents[1] / f"outside-{path.name}"
    if path.name == STEP:
        outside = path.parents[1] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


def leaf(folder, **content):
    def change(document):
        document["ranks"][0]["state"]["model"]["embed"]["$tensor"].update(content)

    reseal(folder, change)


def node(folder, tree):
    def change(document):
        document["ranks"][0]["state"]["best"] = tree

    reseal(folder, change)


def rename_file(folder, name):
    def change(document):
        files = document["ranks"][0]["files"]
        files[name] = files.pop(TENSORS)

    reseal(folder, change)


def header(entries):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


def set_key(**content):
    return lambda folder: reseal(folder, lambda document: document.update(content))


ATTACKS = {
    "a pickle instead of tensors": (
        lambda folder: put_tensors(folder, pickle.dumps(Bomb(folder.parents[1] / "mark"))),
        "no valid safetensors file",
    ),
    "torch.save instead of tensors": (
        lambda folder: torch.save({"x": Bomb(folder.parents[1] / "mark")}, folder / TENSORS),
        "bytes, expected",
    ),
    "a pickle instead of the manifest": (
        lambda folder: (folder / MANIFEST).write_bytes(pickle.dumps(Bomb(folder.parents[1] / "mark"))),
        "manifest.json: found",
    ),
    "a path upwards": (lambda folder: rename_file(folder, "../../secret.safetensors"), "found the file name '../../"),
    "an absolute path": (lambda folder: rename_file(folder, "/etc/passwd"), "found the file name '/etc/passwd'"),
    "a path below": (lambda folder: rename_file(folder, "rank-00000.x/y"), "found the file name"),
    "the name with a line end": (lambda folder: rename_file(folder, f"{TENSORS}\n"), "found the file name"),
    "a link instead of the folder": (move_and_link, "symbolic link"),
    "a link instead of the manifest": (lambda folder: move_and_link(folder / MANIFEST), "symbolic link"),
    "a link instead of tensors": (lambda folder: move_and_link(folder / TENSORS), "symbolic link"),
    "a pipe instead of the manifest": (lambda folder: replace_by_pipe(folder / MANIFEST), "no regular file"),
    "a pipe instead of tensors": (lambda folder: replace_by_pipe(folder / TENSORS), "no regular file"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "No such file"),
    "no tensors": (lambda folder: (folder / TENSORS).unlink(), "No such file"),
    "a manifest of a terabyte": (lambda folder: os.truncate(folder / MANIFEST, 2**40), "1099511627776 bytes, expected"),
    "tensors of a terabyte": (lambda folder: os.truncate(folder / TENSORS, 2**40), "bytes, expected"),
    "an empty manifest": (lambda folder: (folder / MANIFEST).write_bytes(b""), "Expecting value"),
    "another checkpoint's folder": (lambda folder: reseal(folder, lambda document: {**document, "step": 2}), "step 2"),
    "another format version": (
        lambda folder: (folder / MANIFEST).write_text('{"format": "samerun checkpoint", "version": 2}'),
        "format version 2, expected 1; use the samerun that wrote it",
    ),
    "version true": (
        lambda folder: (folder / MANIFEST).write_text('{"format": "samerun checkpoint", "version": true}'),
        "format version True",
    ),
    "other JSON": (lambda folder: (folder / MANIFEST).write_text("[]"), "no samerun checkpoint"),
    "no checksum": (
        lambda folder: (folder / MANIFEST).write_text('{"format": "samerun checkpoint", "version": 1}'),
        "checksum",
    ),
    "keys twice": (lambda folder: (folder / MANIFEST).write_text('{"step": 1, "step": 1}'), "same key twice"),
    "deep JSON": (lambda folder: (folder / MANIFEST).write_text("[" * 10**6), "nested too deep"),
    "NaN": (lambda folder: (folder / MANIFEST).write_text('{"x": NaN}'), "NaN, which is not JSON"),
    "a float out of range": (lambda folder: (folder / MANIFEST).write_text('{"x": 1e999}'), "no float can hold"),
    "a very long integer": (lambda folder: (folder / MANIFEST).write_text("1" * 10**5), "4300"),
    "no text": (lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"), "utf-8"),
    "no ranks": (set_key(ranks=[]), "no ranks"),
    "ranks of the wrong type": (set_key(ranks=[None]), "rank 0: found None"),
    "a rank without state": (set_key(ranks=[{"payload": "safetensors", "files": {}}]), "expected payload, files"),
    "a rank of the wrong types": (set_key(ranks=[{"payload": [], "files": [], "state": 0}]), "expected a text"),
    "a rank without files": (set_key(ranks=[{"payload": "safetensors", "files": {}, "state": 0}]), "0 files"),
    "another payload": (set_key(ranks=[{"payload": "pickle", "files": {}, "state": 0}]), "stored by 'pickle'"),
    "a negative size": (
        set_key(ranks=[{"payload": "safetensors", "files": {TENSORS: {"size": -1, "xxh3_128": "0" * 32}}, "state": 0}]),
        "expected bytes and 32",
    ),
    "a size that is true": (
        set_key(
            ranks=[{"payload": "safetensors", "files": {TENSORS: {"size": True, "xxh3_128": "0" * 32}}, "state": 0}]
        ),
        "expected bytes and 32",
    ),
    "a checksum of another form": (
        set_key(ranks=[{"payload": "safetensors", "files": {TENSORS: {"size": 0, "xxh3_128": 0}}, "state": 0}]),
        "expected bytes and 32",
    ),
    "a file of the wrong type": (
        set_key(ranks=[{"payload": "safetensors", "files": {TENSORS: 5}, "state": 0}]),
        "expected size and xxh3_128",
    ),
    "tensors in the meta": (set_key(meta={"x": {"$tensor": {"at": "x"}}}), "a block that is stored"),
    "no dict as meta": (set_key(meta={"$tuple": []}), "no dict as meta"),
    "a maker with control characters": (set_key(made_by="\x1b[2J"), "printable"),
    "no time": (set_key(created="yesterday"), "ISO 8601"),
    "a step of the wrong type": (set_key(step="1"), "found the keys"),
    "an unknown key": (set_key(extra=1), "found the keys"),
    "a header longer than the file": (lambda folder: put_tensors(folder, b"\xff" * 8), "no valid safetensors file"),
    "a header that is cut": (lambda folder: put_tensors(folder, b"\x08"), "no valid safetensors file"),
    "a tensor larger than the file": (
        lambda folder: put_tensors(
            folder, header({"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
        ),
        "no valid safetensors file",
    ),
    "a dtype that there is not": (
        lambda folder: put_tensors(folder, header({"x": {"dtype": "F1", "shape": [8], "data_offsets": [0, 1]}}) + b"0"),
        "no valid safetensors file",
    ),
    "bytes behind the tensors": (
        lambda folder: put_tensors(folder, (folder / TENSORS).read_bytes() + b"PK"),
        "no valid safetensors file",
    ),
    "a shape too large": (lambda folder: leaf(folder, shape=[2**62, 2**62]), "bytes that are stored"),
    "a shape too small": (lambda folder: leaf(folder, shape=[1]), "bytes that are stored"),
    "a shape of nothing, but huge": (lambda folder: leaf(folder, shape=[0, 2**62, 2**62]), "48 bytes that are"),
    "very many dimensions": (lambda folder: leaf(folder, shape=[2**62] * 10**5), "at most 64"),
    "a negative size of a tensor": (lambda folder: leaf(folder, shape=[-3, -4]), "integers from 0"),
    "a shape of floats": (lambda folder: leaf(folder, shape=[3.0, 4.0]), "integers from 0"),
    "a shape that is text": (lambda folder: leaf(folder, shape="34"), "integers from 0"),
    "a stride outside": (lambda folder: leaf(folder, shape=[3, 4], stride=[4, 2], offset=0), "a part of the 12"),
    "a stride into itself": (lambda folder: leaf(folder, shape=[2**40], stride=[0], offset=0), "a part of the 12"),
    "an offset outside": (lambda folder: leaf(folder, shape=[1], stride=[1], offset=12), "a part of the 12"),
    "an offset before": (lambda folder: leaf(folder, shape=[1], stride=[1], offset=-1), "integers from 0"),
    "fewer strides": (lambda folder: leaf(folder, shape=[3, 4], stride=[1], offset=0), "a part of the 12"),
    "a stride alone": (lambda folder: leaf(folder, stride=[1, 1]), "found the keys"),
    "a dtype of Python": (lambda folder: leaf(folder, dtype="object"), "the dtype 'object'"),
    "a dtype that is a list": (lambda folder: leaf(folder, dtype=[]), "the dtype"),
    "a block that is not there": (lambda folder: leaf(folder, at="nowhere"), "a block that is stored"),
    "a block that is not used": (lambda folder: reseal(folder, _drop_model), "nothing refers to"),
    "an unknown tag": (lambda folder: node(folder, {"$pickle": "gASVAAAAAAAAAAA="}), "one of $tensor"),
    "two tags": (lambda folder: node(folder, {"$int": "0x1", "$str": ""}), "alone"),
    "an array of objects": (lambda folder: _array(folder, dtype="|O8"), "the dtype '|O8'"),
    "an array of several fields": (lambda folder: _array(folder, dtype="f4,f4"), "the dtype 'f4,f4'"),
    "an array dtype without end": (lambda folder: _array(folder, dtype="<U999999999999"), "the dtype"),
    "an array of another size": (lambda folder: _array(folder, shape=[6]), "bytes that are stored"),
    "no hexadecimal integer": (lambda folder: node(folder, {"$int": "0x"}), "hexadecimal"),
    "an integer that is a list": (lambda folder: node(folder, {"$int": []}), "hexadecimal"),
    "a float of 4 bytes": (lambda folder: node(folder, {"$float": "00000000"}), "16 hexadecimal"),
    "text of another encoding": (lambda folder: node(folder, {"$str": "ff"}), "expected text"),
    "a tuple of nothing": (lambda folder: node(folder, {"$tuple": None}), "a list"),
    "pairs of three": (lambda folder: node(folder, {"$dict": [[1, 2, 3]]}), "a list of pairs"),
    "a key that is a list": (lambda folder: node(folder, {"$dict": [[[], 1]]}), "str or int"),
    "a key twice": (lambda folder: node(folder, {"$dict": [[1, 1], [1, 2]]}), "each once"),
    "a module without state": (lambda folder: node(folder, {"$module": {}}), "metadata and state"),
    "a module of a list": (lambda folder: node(folder, {"$module": {"metadata": {}, "state": []}}), "a dict"),
    "bytes of floats": (lambda folder: node(folder, {"$bytes": {"at": "['model']['bias']"}}), "a block of bytes"),
    "a deep tree": (lambda folder: node(folder, _nested(150)), "100 containers"),
}


def _drop_model(document):
    del document["ranks"][0]["state"]["model"]


def _array(folder, **content):
    def change(document):
        document["ranks"][0]["state"]["sampler"]["state"]["$array"].update(content)

    reseal(folder, change)


def _nested(depth):
    tree = []
    for _ in range(depth):
        tree = [tree]
    return tree


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_named_and_does_nothing(folder, name):
    attack, message = ATTACKS[name]
    attack(folder)
    top = folder.parents[1]
    before = {path: path.lstat().st_mtime_ns for path in top.rglob("*")}
    store = Store(folder.parent)
    for read in (store.load, store.verify):
        with pytest.raises(CheckpointError, match=re.escape(message)) as caught:
            read(1)
        assert len(str(caught.value)) < 1000
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):
        store.load_newest()
    assert not (top / "mark").exists()
    assert {path: path.lstat().st_mtime_ns for path in top.rglob("*")} == before


def test_the_bomb_would_have_gone_off(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


def test_a_manifest_that_is_only_resealed_still_loads(folder):
    reseal(folder, lambda document: None)
    assert first_difference(Store(folder.parent).load(1).state, training_state(1)) is None


@pytest.mark.parametrize("name", [MANIFEST, TENSORS])
def test_every_flipped_bit_and_every_cut_is_found(folder, name):
    store, path = Store(folder.parent), folder / name
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        for data in (bytes(flipped), whole[:place]):
            path.write_bytes(data)
            with pytest.raises(CheckpointError):
                store.load(1)
    path.write_bytes(whole)
    store.load(1)


def test_a_link_to_the_directory_of_the_run_is_the_users_own(folder):
    link = folder.parents[1] / "link"
    link.symlink_to(folder.parent)
    assert Store(link).load_newest().step == 1


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["$tensor", "$array", "$tuple", "$dict", "$int", "at", "dtype", "shape", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
values = st.one_of(
    json_values,
    st.sampled_from([*DTYPES, "<f4", ">u4", "|O8", "['model']['embed']", "['raw']", "0x5", 2**62, 2**63, -1, 12]),
)


def places(tree):
    """Every container and key or position in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from places(value)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_a_manifest_says_it_loads_or_is_refused(tmp_path_factory, data):
    runs = tmp_path_factory.mktemp("runs")
    Store(runs, files=Unsynced()).save(1, training_state(1), {"epoch": 1})

    def change(document):
        for _ in range(data.draw(st.integers(1, 2))):
            container, key = data.draw(st.sampled_from(list(places(document))))
            container[key] = data.draw(values)

    reseal(runs / STEP, change)
    with contextlib.suppress(CheckpointError, StateError):
        Store(runs).load(1)
