"""What is put into the processes of a script."""

import json
import os
import sys
from argparse import ArgumentParser
from types import SimpleNamespace

import pytest
import torch

from samerun.verify.inside import framework, nosaving, resuming
from samerun.verify.inside.process import Process


def test_what_is_not_saved_can_still_be_renamed(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "save", torch.save)
    # The others would stay replaced in the process of the tests.
    monkeypatch.setattr(nosaving, "_PLACES", (("torch", None, "save"),))
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
    resuming._accelerate(process)
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
    (told,) = map(json.loads, (tmp_path / "report.jsonl").read_text().splitlines())
    assert (told["event"], told["checkpoint"]) == ("resumes", whole)


@pytest.mark.parametrize("module", ["lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer"])
def test_lightning_goes_on_from_its_newest_checkpoint_wherever_its_callback_writes(tmp_path, monkeypatch, module):
    class Trainer:
        default_root_dir = str(tmp_path / "root")
        checkpoint_callbacks = (SimpleNamespace(dirpath=None), SimpleNamespace(dirpath=str(tmp_path / "elsewhere")))

        def fit(self, model, ckpt_path=None):
            return ckpt_path

    monkeypatch.setitem(sys.modules, module, SimpleNamespace(Trainer=Trainer))
    resuming._lightning(Process(tmp_path / "report.jsonl"), module)
    assert Trainer().fit("model") is None
    for age, path in enumerate(("root/last.ckpt", "elsewhere/step=8.ckpt", "elsewhere/step=4.ckpt")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
        os.utime(tmp_path / path, (10 - age, 10 - age + (age == 1) * 5))
    assert Trainer().fit("model") == str(tmp_path / "elsewhere" / "step=8.ckpt")
    assert Trainer().fit("model", ckpt_path="mine") == "mine"


def test_the_framework_that_trains_is_told_first(tmp_path, monkeypatch):
    accelerator = type("Accelerator", (), {"prepare": lambda _, *things: things})
    trainer = type("Trainer", (), {"train": lambda _, epochs: accelerator().prepare(epochs)})
    monkeypatch.setitem(sys.modules, "accelerate", SimpleNamespace(Accelerator=accelerator))
    monkeypatch.setitem(sys.modules, "transformers.trainer", SimpleNamespace(Trainer=trainer))
    # They would stay replaced in the process of the tests.
    monkeypatch.setattr(framework, "_PLACES", [place for place in framework._PLACES if "lightning" not in place])
    framework.disturb(Process(tmp_path / "report.jsonl"), None)
    assert not (tmp_path / "report.jsonl").exists()
    assert trainer().train(3) == (3,)
    told = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [(event["event"], event["framework"]) for event in told] == [
        ("framework", "transformers"),
        ("framework", "accelerate"),
    ]
