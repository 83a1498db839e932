from __future__ import annotations

import json
import math

import pytest
import torch
from click.testing import CliRunner

from samerun.checkpoint import Store
from samerun.cli import app
from samerun.state import fingerprint
from states import training_state


@pytest.fixture
def runs(tmp_path):
    store = Store(tmp_path)
    for step, loss in enumerate([0.5, 0.125, math.nan, 0.25], 1):
        store.save(step, training_state(step), {"epoch": step // 2, "metrics": {"loss": loss}})
    return tmp_path


def ckpt(*arguments):
    return CliRunner().invoke(app, ["ckpt", *map(str, arguments)], env={"COLUMNS": "200"})


def damage(runs, step, name="rank-00000.safetensors"):
    path = runs / f"step-{step:09d}" / name
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def test_ls(runs):
    answer = ckpt("ls", runs)
    assert answer.exit_code == 0
    assert [line.split("│")[1].strip() for line in answer.stdout.splitlines() if "│" in line] == ["1", "2", "3", "4"]
    assert "loss 0.125" in answer.stdout
    rows = json.loads(ckpt("ls", runs, "--json").stdout)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[2]["meta"] == {"epoch": 1, "metrics": {"loss": {"$float": "7ff8000000000000"}}}


def test_ls_names_a_damaged_manifest(runs):
    damage(runs, 2, "manifest.json")
    answer = ckpt("ls", runs)
    assert answer.exit_code == 1
    assert "manifest.json: found a checksum that does not fit" in answer.stdout
    assert "manifest.json" in json.loads(ckpt("ls", runs, "--json").stdout)[1]["error"]


def test_show_is_a_tree_with_shapes_dtypes_and_hashes(runs):
    answer = ckpt("show", runs / "step-000000003")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("step 3, ")
    embed = fingerprint(training_state(3)["model"]["embed"])
    assert f"embed  float32[3, 4]  {embed[:12]}" in answer.stdout
    assert "state  >u4[5]" in answer.stdout
    assert "name  '日本'" in answer.stdout
    found = json.loads(ckpt("show", runs, "--json").stdout)
    assert found["step"] == 4
    leaves = {leaf["path"]: leaf for leaf in found["leaves"]}
    assert leaves["['model']['embed']"]["fingerprint"] == fingerprint(training_state(4)["model"]["embed"])


def test_show_lets_no_control_character_through(tmp_path):
    Store(tmp_path).save(1, {"\x1b[2J": "\x1b[2J", "[red]": "[bold]"})
    answer = ckpt("show", tmp_path)
    assert "\x1b" not in answer.stdout
    assert "[red]  '[bold]'" in answer.stdout


def test_verify(runs):
    answer = ckpt("verify", runs)
    assert (answer.exit_code, answer.stdout) == (0, "1  ok\n2  ok\n3  ok\n4  ok\n")
    damage(runs, 3)
    answer = ckpt("verify", runs)
    assert answer.exit_code == 1
    assert "3  damaged: rank-00000.safetensors: xxh3-128" in answer.stdout
    answer = ckpt("verify", runs, "--json")
    assert (answer.exit_code, [row["ok"] for row in json.loads(answer.stdout)]) == (1, [True, True, False, True])
    assert ckpt("verify", runs / "step-000000002").stdout == "2  ok\n"


def test_diff_names_the_leaves(runs, tmp_path_factory):
    answer = ckpt("diff", runs / "step-000000001", runs / "step-000000002")
    assert answer.exit_code == 1
    assert "['model']['embed']" in answer.stdout
    assert "['model']['bias']" not in answer.stdout
    rows = json.loads(ckpt("diff", runs / "step-000000001", runs / "step-000000002", "--json").stdout)
    assert [row["path"] for row in rows] == [
        "['model']['embed']",
        "['model']['head']",
        "['optimizer']['state'][0]['step']",
        "['optimizer']['state'][0]['exp_avg']",
        "['sampler']['state']",
        "['sampler']['seed']",
        "['raw']",
    ]
    other = tmp_path_factory.mktemp("other")
    Store(other).save(9, training_state(4), {"epoch": 99})
    answer = ckpt("diff", runs, other)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "same state\n")


@pytest.mark.parametrize(
    ("first", "second", "paths"),
    [({"a": 1}, {}, ["['a']"]), ({}, {"a": torch.zeros(1)}, ["['a']"]), ({"a": []}, {"a": ()}, ["['a']"])],
)
def test_diff_names_what_one_side_lacks(tmp_path, first, second, paths):
    for step, state in enumerate([first, second]):
        Store(tmp_path).save(step, state)
    answer = ckpt("diff", tmp_path / "step-000000000", tmp_path / "step-000000001", "--json")
    assert (answer.exit_code, [row["path"] for row in json.loads(answer.stdout)]) == (1, paths)


def test_prune_shows_and_deletes_only_when_told(runs):
    arguments = ["prune", runs, "--newest", 1, "--best", "loss"]
    answer = ckpt(*arguments)
    assert (answer.exit_code, answer.stdout) == (1, "1  to delete\n3  to delete\n")
    assert answer.stderr == "2 to delete; delete them with --yes\n"
    assert Store(runs).steps() == (1, 2, 3, 4)
    answer = ckpt(*arguments, "--yes")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "1  deleted\n3  deleted\n", "2 deleted\n")
    assert Store(runs).steps() == (2, 4)
    answer = ckpt(*arguments, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, {"steps": [], "deleted": False, "damaged": []})


def test_prune_never_deletes_the_only_good_one(runs):
    for step in (2, 3, 4):
        damage(runs, step)
    answer = ckpt("prune", runs, "--newest", 1, "--yes")
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert "4 is damaged and stays: rank-00000.safetensors" in answer.stderr
    assert Store(runs).load_newest().step == 1


@pytest.mark.parametrize("verb", ["ls", "show", "verify", "prune"])
def test_nothing_to_read_cannot_tell(tmp_path, verb):
    answer = ckpt(verb, tmp_path)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "found no checkpoints" in answer.stderr
    assert ckpt(verb, tmp_path / "missing").exit_code == 2


def test_show_and_diff_of_a_damaged_one_cannot_tell(runs):
    damage(runs, 4)
    for arguments in (["show", runs], ["diff", runs, runs / "step-000000001"]):
        answer = ckpt(*arguments)
        assert (answer.exit_code, answer.stdout) == (2, "")
        assert "rank-00000.safetensors: xxh3-128" in answer.stderr


def test_the_parts_of_two_ranks_are_shown_by_rank(tmp_path):
    from threading import Barrier, Thread

    barrier = Barrier(2, timeout=20)
    stores = [Store(tmp_path, rank=rank, world_size=2, barrier=barrier.wait) for rank in (0, 1)]
    threads = [Thread(target=store.save, args=(1, {"rank": store.rank})) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = json.loads(ckpt("show", tmp_path, "--json").stdout)
    assert found["ranks"] == 2
    assert [leaf["path"] for leaf in found["leaves"]] == ["[0]['rank']", "[1]['rank']"]
