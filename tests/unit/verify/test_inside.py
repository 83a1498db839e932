"""What is put into the processes of a script."""

import sys
from argparse import ArgumentParser
from types import SimpleNamespace

import torch

from samerun.verify.inside import nosaving, resuming, saves
from samerun.verify.inside.process import Process


def test_what_is_not_saved_can_still_be_renamed(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "save", torch.save)
    monkeypatch.setattr(saves, "SAVES", (("torch", None, "save"),))
    nosaving.disturb(Process(tmp_path / "report.jsonl"), None)
    torch.save({"epoch": 3}, tmp_path / "checkpoint.tmp")
    (tmp_path / "checkpoint.tmp").rename(tmp_path / "checkpoint")
    assert (tmp_path / "checkpoint").read_bytes() == b""
    torch.save({}, f=str(tmp_path / "other"))
    assert (tmp_path / "other").exists()


def parsed(*argv):
    parser = ArgumentParser()
    parser.add_argument("--resume_from_checkpoint")
    parser.add_argument("--seed", type=int)
    return parser.parse_args(argv).resume_from_checkpoint


def test_a_script_with_accelerate_is_given_the_newest_state_that_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(ArgumentParser, "parse_known_args", ArgumentParser.parse_known_args)
    accelerator = type("Accelerator", (), {"load_state": lambda _, folder: folder})
    monkeypatch.setitem(sys.modules, "accelerate", SimpleNamespace(Accelerator=accelerator))
    process = Process(tmp_path / "report.jsonl")
    resuming.disturb(process, None)
    assert parsed() is None  # nothing was saved yet
    for name in ("step_4", "step_8", "step_12"):
        (tmp_path / "out" / name).mkdir(parents=True)
    for name in ("step_4", "step_8"):
        (tmp_path / "out" / name / "random_states_0.pkl").touch()
    whole = str(tmp_path / "out" / "step_8")
    assert parsed("--seed", "3") == whole
    assert parsed("--resume_from_checkpoint", "mine") == "mine"
    assert ArgumentParser().parse_args([]) == ArgumentParser().parse_args([])
    assert not (tmp_path / "report.jsonl").exists()
    assert accelerator().load_state(whole) == whole
    assert '"framework": "accelerate"' in (tmp_path / "report.jsonl").read_text()
