from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import optimizer as optimizers
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset, dataloader

import samerun
import watched
from samerun.errors import TraceError
from samerun.rng import capture
from samerun.tracing import Trace
from samerun.tracing.fingerprint import digest
from samerun.tracing.format import Phase
from samerun.tracing.reader import Series
from samerun.tracing.recorder import Recorder

HERE = str(Path(__file__))


def line_of(function, text: str) -> int:
    """Return the line of a function of this file in which a text stands."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [number for number, line in enumerate(lines) if text in line]
    return first + found


@pytest.mark.parametrize("training", watched.TRAININGS, ids=lambda training: training.__name__)
def test_not_a_bit_changes_and_each_step_has_one_set_of_events(tmp_path, training):
    before = training()
    with samerun.trace(tmp_path / "A.trace"):
        traced = training()
    assert traced == before
    with Trace(tmp_path / "A.trace") as trace:
        steps, events, skipped = trace.steps(), trace.events(), len(trace.notes("skipped"))
        assert trace.finished == "end"
    attempts = watched.TRAININGS[training]
    assert len(steps) == attempts - skipped
    assert skipped == 0 or training is watched.scaled
    for step in range(len(steps)):
        done = Counter(event.series.kind for event in events if event.step == step and event.phase is Phase.STEPPED)
        assert done["parameters"] == 1
        graded = [event for event in events if event.step == step and event.series.kind == "gradients"]
        assert len(graded) == (1 if training is not watched.closures else len({event.nth for event in graded}))
        assert graded


@pytest.mark.parametrize("level", [2, 3])
def test_not_a_bit_changes_at_the_deeper_levels(record, level):
    before = watched.plain()
    after = []
    trace = record(lambda: after.append(watched.plain()), level=level, steps=range(2, 4))
    assert after == [before]
    deep = {event.step for event in trace.events() if event.series.kind == ("output" if level == 2 else "op")}
    assert deep == {2, 3}


def test_generators_that_samerun_restores_are_loaded_and_those_of_streams_are_not(record):
    state = capture()

    def training():
        with samerun.Stream(0):
            pass
        samerun.restore(state)
        return watched.plain()

    loads = [note.value for note in record(training).notes("load") if "rng" not in note.value["call"]]
    restored = [(value["call"], value["on"]) for value in loads if value["on"] == "torch.cpu"]
    assert restored == [("samerun.restore", "torch.cpu")]
    (line,) = {value["place"]["line"] for value in loads if value["call"] == "samerun.restore"}
    assert line == line_of(training, "restore")


def test_two_recordings_of_one_run_are_the_same_and_of_another_are_not(record):
    first, again = record(watched.plain), record(watched.plain)
    other = record(lambda: watched.plain(batch_size=6))
    assert [step.digest for step in first.steps()] == [step.digest for step in again.steps()]
    assert first.steps()[0].digest != other.steps()[0].digest


def test_the_order_of_a_step_is_that_of_execution(record):
    second = [event for event in record(watched.plain).events() if event.step == 1]
    assert [(event.phase, event.series.kind) for event in second] == [
        (Phase.BATCH, "batch"),
        (Phase.BATCH, "loss"),
        (Phase.GRADIENTS, "gradients"),
        (Phase.STEPPED, "optimizer"),
        (Phase.STEPPED, "parameters"),
        (Phase.STEPPED, "buffers"),
        (Phase.STEPPED, "rng"),
    ]


def test_what_training_begins_with_stands_before_the_first_batch(record):
    first = [event for event in record(watched.plain).events() if event.step == 0]
    kinds = [event.series.kind for event in first]
    assert kinds.index("parameters") < kinds.index("batch")
    with_seed = record(watched.plain)
    assert with_seed.of(Series("parameters", "0"), 0)[0].digest != with_seed.of(Series("parameters", "0"), 0)[1].digest


def test_the_hooks_are_off_afterwards(tmp_path):
    names = [
        (random, "seed"),
        (np.random, "seed"),
        (torch, "manual_seed"),
        (torch, "load"),
        (torch.autograd, "backward"),
        (os, "listdir"),
        (os, "scandir"),
        (nn.Module, "load_state_dict"),
        (optimizers.Optimizer, "__init__"),
        (torch.amp.GradScaler, "step"),
        (dataloader._BaseDataLoaderIter, "__next__"),
        (dataloader._BaseDataLoaderIter, "__init__"),
    ]
    before = [vars(owner)[name] for owner, name in names]
    hooks = len(optimizers._global_optimizer_pre_hooks), len(optimizers._global_optimizer_post_hooks)
    with samerun.trace(tmp_path / "A.trace"):
        watched.plain()
        assert [vars(owner)[name] for owner, name in names] != before
    assert [vars(owner)[name] for owner, name in names] == before
    assert hooks == (len(optimizers._global_optimizer_pre_hooks), len(optimizers._global_optimizer_post_hooks))
    with pytest.raises(ZeroDivisionError), samerun.trace(tmp_path / "B.trace"):
        watched.plain()
        _ = 1 / 0
    assert [vars(owner)[name] for owner, name in names] == before
    with Trace(tmp_path / "B.trace") as trace:
        assert trace.finished == "exception: ZeroDivisionError: division by zero"
        assert len(trace.steps()) == watched.STEPS


def test_what_others_put_over_a_hook_stays(tmp_path, monkeypatch):
    original = random.seed
    monkeypatch.setattr(random, "seed", original)  # comes back last
    with samerun.trace(tmp_path / "A.trace"):
        watched.plain()
        hooked = random.seed
        monkeypatch.setattr(random, "seed", lambda *args: hooked(*args))
    assert random.seed is not original
    random.seed(5)  # the hook under it records no more
    assert random.random() == random.Random(5).random()


def test_notes_name_the_line(record, tmp_path):
    (tmp_path / "b.txt").touch()
    (tmp_path / "a.txt").touch()

    def training():
        random.seed(11)
        np.random.seed(12)
        torch.manual_seed(13)
        names = sorted(path.name for path in tmp_path.glob("*.txt"))
        model = watched.network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model.load_state_dict(model.state_dict())
        for batch in watched.loader():
            watched.loss_of(model, batch).backward()
            optimizer.step()
        return names

    trace = record(training)
    expected = {
        "seed": ["random.seed(11)", "np.random.seed(12)", "torch.manual_seed(13)"],
        "listdir": ['glob("*.txt")'],
        "optimizer": ["torch.optim.SGD("],
        "load": ["load_state_dict("],
        "iter": ["in watched.loader()"],
        "loader": ["in watched.loader()"],
    }
    for kind, texts in expected.items():
        places = [note.value["place"] for note in trace.notes(kind)]
        assert [place["line"] for place in places] == [line_of(training, text) for text in texts], kind
        assert {place["file"] for place in places} == {HERE}
        assert all("training" in place["function"] for place in places)
    assert [(note.value["library"], note.value["value"]) for note in trace.notes("seed")] == [
        ("python", 11),
        ("numpy", 12),
        ("torch", 13),
    ]
    (listed,) = trace.notes("listdir")
    assert listed.value["path"] == str(tmp_path)
    assert listed.value["count"] == 2
    (model,) = trace.notes("model")
    assert model.value["modules"]["3"] == "torch.nn.modules.dropout.Dropout"
    assert model.value["settings"]["3"]["p"] == 0.4
    assert ["1.weight", "float32", [8]] in model.value["parameters"]


def test_the_line_that_sets_the_number_of_threads(record):
    def training():
        torch.set_num_threads(2)  # first
        torch.set_num_threads(2)
        watched.plain(epochs=1)

    try:
        (note,) = record(training).notes("threads")
    finally:
        torch.set_num_threads(1)
    assert note.value["intra_op"] == 2
    assert (note.value["place"]["file"], note.value["place"]["line"]) == (HERE, line_of(training, "# first"))


def test_threads_that_a_loader_of_ours_sets_and_sets_back_are_no_news(record):
    def training():
        model = watched.network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for batch in samerun.DataLoader(watched.data(), batch_size=8, seed=1):
            watched.loss_of(model, batch).backward()
            optimizer.step()

    torch.set_num_threads(2)
    try:
        (note,) = record(training).notes("threads")
    finally:
        torch.set_num_threads(1)
    assert note.value == {"intra_op": 2, "inter_op": torch.get_num_interop_threads()}


def test_the_line_that_made_a_loader_is_named_too(record):
    def training():
        model = watched.network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loader = DataLoader(watched.data(), batch_size=8)
        for batch in loader:
            watched.loss_of(model, batch).backward()
            optimizer.step()

    (note,) = record(training).notes("loader")
    assert note.value["made"]["line"] == line_of(training, "DataLoader(watched")
    assert note.value["place"]["line"] == line_of(training, "in loader")


def test_a_seed_says_whether_its_generator_had_been_used(record):
    def training():
        random.seed(1)
        np.random.rand()
        np.random.seed(2)
        np.random.seed(2)
        watched.plain()

    seeds = record(training).notes("seed")
    told = [(note.value["library"], note.value["used"]) for note in seeds]
    assert told[:4] == [("python", False), ("numpy", True), ("numpy", None), ("python", None)]


def test_the_user_s_own_modules_are_recorded(record):
    modules = record(watched.plain).meta["modules"]
    assert modules["watched"]["path"] == watched.__file__
    assert modules["watched"]["digest"] == hashlib.sha256(Path(watched.__file__).read_bytes()).hexdigest()
    assert not any(name.startswith(("torch", "samerun", "random")) for name in modules)


def test_the_loader_is_described(record):
    (note,) = record(watched.workers).notes("loader")
    expected = {
        "loader": "TensorDataset[24]",
        "length": 24,
        "batch_size": 8,
        "num_workers": 2,
        "persistent_workers": True,
        "shuffle": True,
        "drop_last": False,
        "iterable": False,
        "sampler": "torch.utils.data.sampler.RandomSampler",
    }
    assert {name: note.value[name] for name in expected} == expected


def test_persistent_workers_are_passed_over_twice(record):
    trace = record(watched.workers)
    assert [note.step for note in trace.notes("iter")] == [0, 3]
    assert len(trace.notes("worker-seed")) == 1


def test_layouts_name_the_parts(record):
    trace = record(watched.plain)
    names = {kind: [part.name for part in trace.layout(Series(kind, "0"), 0)] for kind in ("parameters", "optimizer")}
    assert names["parameters"] == ["0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias"]
    assert names["optimizer"][:3] == ["0.weight.step", "0.weight.exp_avg", "0.weight.exp_avg_sq"]
    buffers = [part.name for part in trace.layout(Series("buffers", "0"), 0)]
    assert buffers == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    event = trace.of(Series("optimizer", "0"), 0)[-1]
    assert len(event.part_digests()) == len(names["optimizer"])


def test_the_parts_of_a_batch_are_its_rows_whatever_the_order(record):
    def training(shuffle):
        watched.plain(epochs=1, shuffle=shuffle)

    def rows(trace):
        return [part for event in trace.events() if event.series.kind == "batch" for part in event.part_digests()]

    first, second = (rows(record(lambda shuffle=shuffle: training(shuffle))) for shuffle in (True, False))
    assert sorted(first) == sorted(second)
    assert first != second
    assert len(set(first)) == 24


def test_states_of_generators_are_those_at_the_beginning_of_a_step(record):
    states = []

    def training():
        model = watched.network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch in watched.loader():
            watched.loss_of(model, batch).backward()
            optimizer.step()
            states.append(capture())

    trace = record(training)
    for step, state in enumerate(states[:-1], 1):
        for name in ("python", "numpy", "torch.cpu"):
            found = trace.states(Series("rng", name))[step]
            expected = state.packed(name)
            assert found.kind == expected.kind
            assert all(torch.equal(found.fields[field], value) for field, value in expected.fields.items())


class Jittered(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(7)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor([index + self.rng.random()])


def stepping(loader):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()


def test_private_generators_of_a_loader_are_sources(record):
    trace = record(lambda: stepping(DataLoader(Jittered(), generator=torch.Generator())))
    names = {event.series.name for event in trace.events() if event.series.kind == "rng"}
    assert {"Jittered[6].dataset.rng", "Jittered[6].generator"} <= names
    moved = trace.of(Series("rng", "Jittered[6].dataset.rng"), 0)
    assert len(moved) == 1 + 6


def test_generators_that_are_variables_of_the_script_are_sources(record, monkeypatch):
    rng = np.random.default_rng(7)
    monkeypatch.setattr(sys.modules["__main__"], "rng", rng, raising=False)
    trace = record(lambda: (stepping(DataLoader(Jittered())), rng.random()))
    assert len(trace.of(Series("rng", "__main__.rng"), 0)) == 1


def test_a_checkpointed_block_is_one_backward_pass(record):
    def training():
        layer, model = nn.Linear(5, 8), nn.Linear(8, 1)
        optimizer = torch.optim.SGD([*layer.parameters(), *model.parameters()], lr=0.1)
        x = torch.randn(4, 5, requires_grad=True)
        model(checkpoint(layer, x, use_reentrant=True)).sum().backward()
        optimizer.step()

    assert len(record(training).of(Series("loss", ""), 0)) == 1


def test_a_step_that_raised_does_not_hide_the_next(record):
    def training():
        model = nn.Linear(1, 1)
        first, second = (torch.optim.SGD(model.parameters(), lr=0.1) for _ in range(2))

        def broken():
            raise ZeroDivisionError

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                first.step(broken)
        second.step()

    assert len(record(training).steps()) == 1


def test_an_optimizer_around_another_takes_one_step(record):
    class Around(torch.optim.Optimizer):
        def __init__(self, inner):
            super().__init__(inner.param_groups, {})
            self.inner = inner

        def step(self, closure=None):
            return self.inner.step(closure)

    def training():
        model = nn.Linear(2, 1)
        optimizer = Around(torch.optim.SGD(model.parameters(), lr=0.1))
        for _ in range(3):
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()

    trace = record(training)
    assert len(trace.steps()) == 3
    assert {event.series.name for event in trace.events() if event.phase is Phase.STEPPED} & {"0", "1"} == {"1"}


def test_an_iterator_around_torch_s_gives_each_batch_once(record):
    class Around(dataloader._SingleProcessDataLoaderIter):
        def __next__(self):
            return super().__next__() + 1

    class Loader(DataLoader):
        def _get_iterator(self):
            return Around(self)

    trace = record(lambda: stepping(Loader(torch.arange(3.0), batch_size=1)))
    found = [event.digest for event in trace.events() if event.series.kind == "batch"]
    assert found == [digest(torch.tensor([value])) for value in (1.0, 2.0, 3.0)]


def test_a_changed_model_has_a_new_layout(record):
    def training():
        model, other = nn.Linear(2, 1), nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            if step == 1:
                optimizer.add_param_group({"params": list(other.parameters())})
            if step == 2:
                model.double()
            optimizer.step()

    trace = record(training)
    layouts = [trace.layout(Series("parameters", "0"), step) for step in range(3)]
    assert [len(layout) for layout in layouts] == [2, 4, 4]
    assert [layout[0].dtype for layout in layouts] == ["float32", "float32", "float64"]


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"record": ["loss"]}, {"loss"}),
        ({"record": ["rng", "batch"]}, {"rng", "batch"}),
        ({"record": "parameters"}, {"parameters"}),
    ],
)
def test_what_is_recorded_can_be_chosen(record, options, kinds):
    assert {event.series.kind for event in record(watched.plain, **options).events()} == kinds


def test_one_step_in_so_many(record):
    trace = record(watched.plain, every=4)
    assert [step.step for step in trace.steps()] == [0, 4]
    assert {event.step for event in trace.events()} == {0, 4}


@pytest.mark.parametrize(
    "wrong",
    [{"level": 4}, {"every": 0}, {"record": ["colour"]}, {"steps": (5, 5)}, {"steps": range(0, 10, 2)}],
)
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        samerun.trace(tmp_path / "A.trace", **wrong)


def test_a_trace_that_is_there_is_replaced_only_by_force(tmp_path):
    path = tmp_path / "A.trace"
    with samerun.trace(path):
        watched.plain()
    rank = tmp_path / "A.rank1.trace"
    rank.write_bytes(path.read_bytes())
    with pytest.raises(TraceError, match="--force"), samerun.trace(path):
        pass
    with samerun.trace(path, force=True):
        watched.without_loader()
    assert not rank.exists()
    path.write_text("my thesis")
    with pytest.raises(TraceError, match="is not a trace"), samerun.trace(path, force=True):
        pass
    assert path.read_text() == "my thesis"


def test_nothing_to_record_is_an_error(tmp_path):
    with pytest.raises(TraceError, match="no optimizer step"), samerun.trace(tmp_path / "A.trace"):
        pass


def test_one_recording_at_a_time(tmp_path):
    with samerun.trace(tmp_path / "A.trace"):
        watched.plain()
        with pytest.raises(TraceError, match=r"recorded into .*A\.trace"), samerun.trace(tmp_path / "B.trace"):
            pass
        watched.plain()
    with Trace(tmp_path / "A.trace") as trace:
        assert len(trace.steps()) == 2 * watched.STEPS


def test_a_recorder_that_fails_lets_the_run_go_on(tmp_path, monkeypatch, capsys):
    before = watched.plain()

    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Recorder, "_gradients", broken)
    after = []
    with pytest.raises(TraceError, match="recording failed"), samerun.trace(tmp_path / "A.trace"):
        after.append(watched.plain())
    assert after == [before]
    assert "the trace ends at step 0, because recording failed: ZeroDivisionError: planted" in capsys.readouterr().err
    with Trace(tmp_path / "A.trace") as trace:
        assert trace.finished == "recording failed: ZeroDivisionError: planted"


def test_the_recorder_keeps_nothing_alive(tmp_path):
    import gc
    import weakref

    with samerun.trace(tmp_path / "A.trace"):
        model = watched.network()
        optimizer = torch.optim.Adam(model.parameters())
        for batch in watched.loader():
            watched.loss_of(model, batch).backward()
            optimizer.step()
        gone = weakref.ref(model[1]), weakref.ref(optimizer), weakref.ref(model[0].weight)
        del model, batch
        gc.collect()
        assert gone[0]() is None
        del optimizer
        gc.collect()
        assert [reference() for reference in gone] == [None] * 3


def test_functions_that_are_watched_are_pickled_as_they_were_before(record):
    names = [
        *((torch, name) for name in ("load", "save", "manual_seed", "seed", "set_rng_state", "set_num_threads")),
        *((torch.random, "manual_seed"), (torch.cuda, "manual_seed"), (np.random, "seed"), (np.random, "default_rng")),
        *((os, "listdir"), (os, "scandir"), (torch.autograd, "backward")),
    ]
    originals = [getattr(module, name) for module, name in names]
    pickled = []

    def training():
        pickled.extend(pickle.dumps(getattr(module, name)) for module, name in names)
        assert [pickle.loads(data) for data in pickled] == [getattr(module, name) for module, name in names]
        for method in (random.seed, random.setstate):  # of a copy of the generator, as without us
            assert pickle.loads(pickle.dumps(method)).__self__.getstate() == random.getstate()
        watched.plain()

    record(training)
    assert [pickle.loads(data) for data in pickled] == originals


def test_a_compiler_is_told_once_what_to_skip(record):
    def training():
        for _ in range(2):
            torch.optim.SGD([nn.Parameter(torch.ones(1))]).step()

    record(training)
    from torch._dynamo import trace_rules

    record(training)
    told = list(trace_rules.SKIP_DIRS)
    record(training)
    assert told == trace_rules.SKIP_DIRS
    assert Recorder.__module__.replace(".", "/") in " ".join(told)


@pytest.mark.gallery
@pytest.mark.filterwarnings("ignore:::torch")
def test_compiled_models_and_compiled_steps(record):
    def training(*, whole_step):
        watched.seed()
        torch.compiler.reset()
        model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        forward = torch.compile(model, backend="eager")

        def step(batch):
            optimizer.zero_grad()
            loss = watched.loss_of(model if whole_step else forward, batch)
            loss.backward()
            optimizer.step()

        run = torch.compile(step, backend="eager") if whole_step else step
        for batch in watched.loader():
            run(batch)
        return watched.bits(model)

    for whole_step in (False, True):
        before, after = training(whole_step=whole_step), []
        trace = record(lambda whole_step=whole_step, after=after: after.append(training(whole_step=whole_step)))
        assert after == [before]
        assert len(trace.steps()) == 3
        assert len(trace.of(Series("loss", ""), 0)) == 3
        assert trace.layout(Series("parameters", "0"), 0)[0].name == "0.weight"
