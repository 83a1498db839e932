"""Scripts with one fault each, and the same ones with the advice followed, tried out in processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from born import LOOP, Born
from samerun.errors import VerifyError
from samerun.verify import Death, Scenario, Script, Trial, choose, verify
from samerun.verify.outcome import Resumption

FAULTS = Path(__file__).parent.parent / "faults"
# What must be said of each: the trial that differs, the step, what differs first, and the cause.
SAID = {
    "repeat": ("again", 0, "the loss", "never-seeded"),
    "order": ("shuffled listings", 0, "the loss", "file-order"),
    "clock": ("400 days later", 0, "the parameters", "other-seed"),
    "elsewhere": ("another folder", None, "the loss", "folder"),
    "workers": ("2 workers", 0, "the batch", "item-content"),
    "eda": ("between steps", 0, "the batch", "generator-ahead"),
    "warm": ("after another training", 0, "the parameters", "never-seeded"),
    "save": ("without saving", 4, "the loss", "generator-ahead"),
    "interrupt": ("SIGKILL in mid-epoch", 4, "the batch", "forgotten-piece"),
}
# What a fork cannot change, or has too much of.
SLOW = {
    "hashseed": ("PYTHONHASHSEED=1", 0, "the loss", "hash-order"),
    "threads": ("1 thread", 0, "the gradients", "threads"),
    "ranks": ("2 ranks, again", 0, "the loss", "never-seeded"),
}


def tried(tmp_path, scenario, script, processes=None, *, quick=False):
    cwd = tmp_path / "here"
    cwd.mkdir()
    (cwd / "train.py").write_text((FAULTS / scenario / f"{script}.py").read_text())
    what = Script((sys.executable, "train.py"), cwd=cwd), choose(only=[scenario])
    return verify(*what, jobs=1, processes=processes, quick=quick)


RESUMED = """
from pathlib import Path

import torch

{before}
torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), {options})
first = 0
if Path("last.pt").exists():
    saved = torch.load("last.pt")
    model.load_state_dict(saved["model"])
    first = saved["step"]
for step in range(first, {steps}):
    model(torch.full((4, 2), 1 + step / 12)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % {every} == {every} - 1:
        torch.save({{"model": model.state_dict(), "step": step + 1}}, "next.pt")
        Path("next.pt").rename("last.pt")
"""
FOURTH_START = RESUMED.format(
    before="""
starts = Path("starts")
count = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (count + 1))
""",
    options="lr=0.1 if count < 3 else 0.2",
    steps=12,
    every=1,
)
FORGETS = RESUMED.format(before="", options="lr=0.1, momentum=0.9", steps=24, every=8)


def test_what_only_all_deaths_together_show_is_told(tmp_path, nursery):
    (tmp_path / "train.py").write_text(FOURTH_START)
    report = verify(
        Script((sys.executable, "train.py"), cwd=tmp_path), choose(only=["interrupt"]), processes=Born(nursery)
    )
    whole, *alone = report.outcomes
    assert {outcome.status for outcome in alone} == {"same"}
    assert whole.trial == ", ".join(outcome.trial for outcome in alone)
    assert (whole.status, whole.cause) == ("differs", "forgotten-piece")
    assert report.exit_code == 1


def test_what_earlier_runs_have_shown_is_not_run_again(tmp_path, nursery):
    processes = Born(nursery)
    (tmp_path / "train.py").write_text(FORGETS)
    report = verify(
        Script((sys.executable, "train.py"), cwd=tmp_path), choose(only=["interrupt"]), jobs=1, processes=processes
    )
    assert [(outcome.trial, outcome.status, outcome.step) for outcome in report.outcomes] == [
        ("SIGTERM after the first step", "same", None),
        ("SIGKILL in mid-epoch", "differs", 8),
        ("SIGKILL twice in one epoch", "differs", 8),
        ("SIGKILL during a save", "differs", 8),
        ("SIGKILL after the last step", "differs", 16),
    ]
    # All at once, until the third process had differed; what it had survived; that; the save and the last step, which
    # shows the save; the last step.
    assert processes.runs == 1 + 3 + 2 + 2 + 2 + 2


def statuses(tmp_path, nursery, scenario, resume=(), **parts):
    (tmp_path / "train.py").write_text(LOOP.format(**{"before": "", "load": "", "after": "", **parts}))
    script = Script((sys.executable, "train.py"), resume, cwd=tmp_path)
    return verify(script, choose(only=[scenario]), processes=Born(nursery)).outcomes


def test_a_script_that_begins_anew_is_killed_no_more_once_that_was_seen(tmp_path, nursery):
    processes = Born(nursery)
    (tmp_path / "train.py").write_text(LOOP.format(before="", load="", after=""))
    script = Script((sys.executable, "train.py"), cwd=tmp_path)
    report = verify(script, choose(only=["interrupt"]), processes=processes)
    found = {outcome.trial: outcome for outcome in report.outcomes}
    skipped = [outcome for outcome in report.outcomes if outcome.status == "skipped"]
    assert [outcome.trial for outcome in skipped] == ["SIGKILL twice in one epoch", "SIGKILL after the last step"]
    assert "begins anew" in skipped[0].reason
    assert found["SIGKILL in mid-epoch"].resumptions == (Resumption(6, in_save=False, start=0),)
    assert processes.runs == 1 + 4  # killed at steps 1, 6 and 8, of which the last was made by one that began anew
    assert report.exit_code == 0


def test_a_save_that_overwrites_the_only_one_leaves_nothing(tmp_path, nursery):
    load = 'if "resume" in sys.argv:\n    model.load_state_dict(torch.load("last.pt"))'
    found = statuses(tmp_path, nursery, "interrupt", (sys.executable, "train.py", "resume"), load=load)
    (killed,) = [outcome for outcome in found if outcome.trial == "SIGKILL during a save"]
    assert (killed.status, killed.cause) == ("differs", "resume-fails")
    assert "os.replace()" in killed.advice


BY_HAND = """
import torch

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
for (batch,) in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(12, 2)), batch_size=4):
    model(batch).square().mean().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
"""


def test_a_script_without_an_optimizer_is_told_that_it_is_not_seen(tmp_path, nursery):
    (tmp_path / "train.py").write_text(BY_HAND)
    with pytest.raises(VerifyError, match=r"no process took a step of a torch\.optim\.Optimizer"):
        verify(Script((sys.executable, "train.py"), cwd=tmp_path), choose(), processes=Born(nursery))


STREAMED = """
import torch

import samerun

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
{around}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(6):
        {inside}
            model(torch.randn(4, 2)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
"""
STREAM, PLAIN = "with samerun.Stream(0):", "if True:"


@pytest.mark.parametrize(
    ("around", "inside", "status"),
    [(STREAM, PLAIN, "same"), (PLAIN, STREAM, "same"), (PLAIN, PLAIN, "differs")],
)
def test_nobody_draws_inside_a_stream(tmp_path, nursery, around, inside, status):
    (tmp_path / "train.py").write_text(STREAMED.format(around=around, inside=inside))
    script = Script((sys.executable, "train.py"), cwd=tmp_path)
    found = verify(script, choose(only=["eda"]), processes=Born(nursery)).outcomes
    assert {(outcome.trial, outcome.status) for outcome in found} == {
        ("before training", status),
        ("between steps", status),
    }
    assert all("here it was samerun that drew" in outcome.reason for outcome in found) is (status == "differs")


IGNORES = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('not now'))"


def test_a_script_that_goes_on_in_spite_of_sigterm_is_killed_later(tmp_path, nursery):
    found = statuses(tmp_path, nursery, "interrupt", before=IGNORES)
    (first,) = [outcome for outcome in found if outcome.trial == "SIGTERM after the first step"]
    assert (first.status, first.resumptions) == ("same", (Resumption(1, in_save=False, start=0, ignored=11),))
    heeds = statuses(tmp_path, nursery, "interrupt")
    assert [resumption.ignored for outcome in heeds for resumption in outcome.resumptions] == [0] * 3


def test_a_resumed_run_that_makes_more_steps_differs(tmp_path, nursery):
    load = 'if Path("last.pt").exists():\n    model.load_state_dict(torch.load("last.pt"))'
    (tmp_path / "train.py").write_text(LOOP.format(before="", load=load, after="").replace("randn(4, 2)", "ones(4, 2)"))
    last = Scenario("last", "kill it", 1, lambda _: [Trial("last", deaths=(Death(12, "SIGKILL"),))], order=0)
    (found,) = verify(Script((sys.executable, "train.py"), cwd=tmp_path), [last], processes=Born(nursery)).outcomes
    assert (found.status, found.cause) == ("differs", "number-of-steps")
    assert "It ended after 20 steps, the first run after 12." in found.reason


def test_where_a_resumed_run_fails_is_said_in_the_owners_words(tmp_path, nursery):
    load = 'if Path("last.pt").exists():\n    torch.load("last.pt")["epoch"]'
    found = statuses(tmp_path, nursery, "interrupt", load=load)
    (killed,) = [outcome for outcome in found if outcome.trial == "SIGKILL in mid-epoch"]
    assert (killed.status, killed.cause) == ("differs", "resume-fails")
    assert (killed.place, killed.notes) == ("train.py:12 in <module>", ())
    assert killed.reason == "The resumed run failed: it ended with exit code 1: KeyError: 'epoch'."


def test_the_command_for_resuming_is_used_once_something_was_saved(tmp_path, nursery):
    resume = (sys.executable, "train.py", "resume")
    refuses = "assert 'resume' not in sys.argv or Path('last.pt').exists()"
    found = statuses(tmp_path, nursery, "interrupt", resume, before=refuses)
    assert [outcome.trial for outcome in found if outcome.status == "same"] == [
        "SIGTERM after the first step",
        "SIGKILL in mid-epoch",
        "SIGKILL during a save",
    ]
    assert {outcome.status for outcome in found} == {"same", "skipped"}, found


def test_a_script_that_needs_what_it_saves_is_not_tried_without_saving(tmp_path, nursery):
    (found,) = statuses(tmp_path, nursery, "save", after='torch.load("last.pt")')
    assert found.status == "skipped"
    assert "it seems to need what it saves" in found.reason


def test_saving_of_a_run_is_switched_off_whole(tmp_path, nursery):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "train.py").write_text((FAULTS / "interrupt" / "good.py").read_text())
    script = Script((sys.executable, "train.py"), cwd=tmp_path / "here")
    (found,) = verify(script, choose(only=["save"]), processes=Born(nursery)).outcomes
    assert found.status == "same", found


def test_without_a_loader_draws_come_after_steps(tmp_path, nursery):
    found = statuses(tmp_path, nursery, "eda")
    assert {(outcome.trial, outcome.status) for outcome in found} >= {("between steps", "differs")}


def check(outcomes, trial, step, what, cause):
    (found,) = [outcome for outcome in outcomes if outcome.trial == trial]
    assert found.status in ("differs", "environment"), found
    assert found.what.startswith(f"{what}, "), found
    assert found.cause == cause, found
    assert step in (found.step, None), found


@pytest.mark.parametrize("scenario", SAID)
def test_the_fault_is_found_and_gone_once_the_advice_is_followed(scenario, tmp_path, nursery):
    for folder in ("bad", "good"):
        (tmp_path / folder).mkdir()
    bad = tried(tmp_path / "bad", scenario, "bad", Born(nursery), quick=True)
    assert bad.exit_code == 1, bad.outcomes
    check(bad.outcomes, *SAID[scenario])
    good = tried(tmp_path / "good", scenario, "good", Born(nursery))
    assert {outcome.status for outcome in good.outcomes} == {"same"}, good.outcomes
    assert good.exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SLOW)
def test_the_fault_is_found_in_fresh_processes(scenario, tmp_path):
    for folder in ("bad", "good"):
        (tmp_path / folder).mkdir()
    bad = tried(tmp_path / "bad", scenario, "bad")
    check(bad.outcomes, *SLOW[scenario])
    good = tried(tmp_path / "good", scenario, "good")
    assert {outcome.status for outcome in good.outcomes} <= {"same", "skipped"}, good.outcomes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_it_started_ends_with_it_and_what_it_made_is_removed(number, tmp_path):
    (tmp_path / "train.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(100)")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "samerun", "verify", "--", sys.executable, "train.py"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        # A shell that runs the tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # there are no threads
    )
    while not (logs := [log for log in scratch.rglob("*.log") if log.read_text().endswith("\n")]):
        assert process.poll() is None, process.stderr.read()
    child = psutil.Process(int(logs[0].read_text()))
    process.send_signal(number)
    process.communicate()
    child.wait(timeout=30)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert list(scratch.iterdir()) == [] or number == signal.SIGKILL
