from __future__ import annotations

import copy
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import watched
from samerun.divergence import judge
from samerun.tracing.away import Away
from samerun.tracing.beside import Beside
from samerun.tracing.format import Phase
from samerun.tracing.owners import alive
from samerun.tracing.reader import Series
from samerun.tracing.training import Group

STEPS = 6


@pytest.fixture(autouse=True)
def _nothing_is_left_of_other_tests(monkeypatch):
    """Let the modules that were there before not be seen, whose names would be taken."""
    before = {id(found) for found in alive().modules}
    kept = alive().modules  # no new one gets the id of one of these

    def only_new():
        found = alive()
        return type(found)([module for module in found.modules if id(module) not in before], found.optimizers)

    monkeypatch.setattr("samerun.tracing.recorder.alive", only_new)
    yield
    kept.clear()


def train(beside=lambda model: None, update=lambda beside, model: None, steps=STEPS, use=lambda beside, x: 0.0):
    """Train without a loader, with something beside the model that is updated after each step."""
    watched.seed()
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    held = beside(model)
    for _ in range(steps):
        x = torch.randn(5, 3)
        (model(x).square().mean() + use(held, x)).backward()
        optimizer.step()
        update(held, model)
    return watched.bits(model)


class Average:
    """An average as written by hand, which writes through ``.data``."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).requires_grad_(False)

    def update(self, model):
        for average, new in zip(self.model.parameters(), model.parameters(), strict=True):
            average.data.mul_(0.9).add_(new.data, alpha=0.1)


class Shadow:
    """An average as written by hand, of tensors in a dict."""

    def __init__(self, model):
        self.shadow = {name: parameter.data.clone() for name, parameter in model.named_parameters()}

    def update(self, model):
        for name, parameter in model.named_parameters():
            self.shadow[name] = 0.1 * parameter.data + 0.9 * self.shadow[name]


def averaged(model):
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))


def teacher(model):
    return copy.deepcopy(model).requires_grad_(False)


def follow(teacher, model):
    with torch.no_grad():
        for average, new in zip(teacher.parameters(), model.parameters(), strict=True):
            average.lerp_(new, 0.1)


def untrained(trace):
    return {str(series) for series in trace.series.values() if series.kind in ("parameters", "buffers")} - {
        "parameters 0",
        "buffers 0",
    }


def changes(trace, kind, name):
    return [event.step for event in trace.of(Series(kind, name), 0)]


def test_where_there_is_nothing_beside_the_training_nothing_is_recorded(record):
    trace = record(train)
    assert untrained(trace) == set()
    assert trace.notes("untrained") == []


@pytest.mark.parametrize(
    ("make", "update", "name"),
    [
        (averaged, AveragedModel.update_parameters, "AveragedModel"),
        (teacher, follow, "Sequential"),
        (Average, Average.update, "Sequential"),
    ],
)
def test_an_average_is_seen_as_it_changes_and_no_bit_of_the_run_does(record, make, update, name):
    before = train(make, update)
    after = []
    trace = record(lambda: after.append(train(make, update)))
    assert after == [before]
    assert untrained(trace) == {f"parameters {name}", f"buffers {name}"}
    # It is read before the backward pass, and so as the update of the step before left it.
    assert changes(trace, "parameters", name) == list(range(STEPS))
    events = [event for event in trace.events(2, 2) if event.phase is Phase.BATCH]
    assert [event.series.kind for event in events][-2:] == ["parameters", "loss"] or name == "AveragedModel"
    parts = trace.layout(Series("parameters", name), 0)
    assert parts[0].name == ("module.0.weight" if name == "AveragedModel" else "0.weight")


def test_what_an_average_holds_is_what_is_recorded(record):
    same = record(lambda: train(teacher, follow)), record(lambda: train(teacher, follow))
    ours, theirs = ([event.digest for event in trace.of(Series("parameters", "Sequential"), 0)] for trace in same)
    assert ours == theirs
    other = record(lambda: train(teacher, lambda held, model: (follow(held, model), follow(held, model))))
    found = [event.digest for event in other.of(Series("parameters", "Sequential"), 0)]
    assert found[0] == ours[0]
    assert all(one != another for one, another in zip(found[1:], ours[1:], strict=True))


def test_what_is_changed_behind_the_last_step_is_recorded_at_the_end(record):
    kept = []

    def training(*, behind=lambda model: None):
        kept.clear()  # which makes way for its name
        watched.seed()
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        optimizer, average = torch.optim.SGD(model.parameters(), lr=0.1), averaged(model)
        for _ in range(STEPS):
            model(torch.randn(5, 3)).square().mean().backward()
            optimizer.step()
            average.update_parameters(model)
        behind(model)
        kept.extend((model, optimizer, average))

    trace = record(training)
    assert changes(trace, "parameters", "AveragedModel") == list(range(STEPS + 1))
    assert changes(trace, "buffers", "0") == list(range(STEPS))

    def evaluated_in_training_mode(model):
        model(torch.ones(5, 3))

    other = record(lambda: training(behind=evaluated_in_training_mode))
    assert changes(other, "buffers", "0") == list(range(STEPS + 1))
    with judge(trace.path, other.path) as found:
        pair = found.worst.comparison.divergence
        assert pair is not None
        assert (pair.step, pair.phase, pair.series) == (STEPS, Phase.BEFORE_BATCH, Series("buffers", "0"))
    again = record(training)
    with judge(trace.path, again.path) as found:
        assert found.worst.comparison.divergence is None


def test_one_that_is_made_later_is_found(record):
    def late(held, model):
        if held.step == 2:
            held.average = averaged(model)
        elif held.step > 2:
            held.average.update_parameters(model)
        held.step += 1

    trace = record(lambda: train(lambda model: SimpleNamespace(step=0), late))
    assert changes(trace, "parameters", "AveragedModel") == [3, 4, 5]


def test_variables_of_the_script_have_their_names(record, monkeypatch):
    script = sys.modules["__main__"]

    def make(model):
        monkeypatch.setattr(script, "ema", Shadow(model), raising=False)
        monkeypatch.setattr(script, "mean", teacher(model), raising=False)
        monkeypatch.setattr(script, "kept", Average(model), raising=False)
        # The state of the model itself and what has other shapes is nothing new.
        monkeypatch.setattr(script, "own", model.state_dict(), raising=False)
        monkeypatch.setattr(script, "sizes", {"a": torch.zeros(2)}, raising=False)

    before, after = train(), []
    trace = record(lambda: after.append(train(make, lambda _, model: script.ema.update(model))))
    assert after == [before]
    held = {f"{kind} __main__.{name}" for kind in ("parameters", "buffers") for name in ("mean", "kept.model")}
    assert untrained(trace) == {"parameters __main__.ema.shadow", *held}
    # What the last step left is read at the end.
    assert changes(trace, "parameters", "__main__.ema.shadow") == list(range(STEPS + 1))
    assert changes(trace, "parameters", "__main__.mean") == [0]
    assert {note.value["name"] for note in trace.notes("untrained")} == {
        "__main__.ema.shadow",
        "__main__.mean",
        "__main__.kept.model",
    }


def test_the_frozen_part_of_a_model_and_a_teacher_inside_of_it(record):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = nn.Linear(3, 1), nn.Linear(3, 1).requires_grad_(False)

    def training():
        watched.seed()
        both = Both()
        optimizer = torch.optim.SGD(both.student.parameters(), lr=0.1)
        for _ in range(3):
            x = torch.randn(5, 3)
            (both.student(x) - both.teacher(x)).square().mean().backward()
            optimizer.step()
            follow(both.teacher, both.student)

    trace = record(training)
    assert untrained(trace) == {"parameters Both"}
    assert [part.name for part in trace.layout(Series("parameters", "Both"), 0)] == ["teacher.weight", "teacher.bias"]
    assert changes(trace, "parameters", "Both") == [0, 1, 2]


def test_what_another_optimizer_trains_is_not_beside(record):
    def training():
        first, second = nn.Linear(3, 1), nn.Linear(3, 2)
        optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (first, second)]
        for _ in range(2):
            for net, optimizer in zip((first, second), optimizers, strict=True):
                net(torch.randn(2, 3)).sum().backward()
                optimizer.step()

    assert untrained(record(training)) == {"parameters 1"}


def looked(held, steps, update, monkeypatch):
    """Read what is beside no training for some steps, two moments in each; return how often, and the digests."""
    beside = Beside(Away())
    found = alive()
    beside.look(type(found)([held], []), 0)
    reads, digests, original = [], [], Group.record

    def counted(group, tensors, layout):
        reads.append(group)
        return original(group, tensors, layout)

    monkeypatch.setattr(Group, "record", counted)
    for step in range(steps):
        for _ in range(2):
            ((_, _, record),) = beside.records(step, {"parameters"})
        digests.append(record.digest)
        update(step)
    return len(reads), digests


def test_a_frozen_module_is_read_at_few_steps(monkeypatch):
    net = nn.Linear(3, 4)
    reads, digests = looked(net, 201, lambda step: None, monkeypatch)
    assert reads == 10 + 2
    assert len(set(digests)) == 1


def test_a_module_is_read_when_an_operation_changed_it(monkeypatch):
    net = nn.Linear(3, 4)

    def update(step):
        if step == 49:
            with torch.no_grad():
                net.weight.add_(1)

    reads, digests = looked(net, 99, update, monkeypatch)
    assert reads == 10 + 1
    assert len(set(digests[:50])) == len(set(digests[50:])) == 1
    assert digests[49] != digests[50]


def test_a_module_that_is_changed_behind_torch_s_back_is_read_from_the_next_hundredth_step_on(monkeypatch):
    net = nn.Linear(3, 4)
    reads, digests = looked(net, 110, lambda step: net.weight.data.add_(step >= 49), monkeypatch)
    assert reads == 10 + 2 * 10
    assert len(set(digests[:100])) == 1  # this is what is missed
    assert len(set(digests[100:])) == 10
