from __future__ import annotations

import pytest
import torch

from planted import ENVIRONMENT, ORDER, SEEDED, batches_of, loader, seed, spoiled
from runs import EVENTS, digest, rows
from samerun.divergence.causes.registry import diagnose
from samerun.divergence.compare import compare_runs
from samerun.divergence.evidence import Evidence
from samerun.rng.registry import global_sources
from samerun.tracing.format import Phase
from samerun.tracing.generators import Generators
from samerun.tracing.packing import pack_state
from samerun.tracing.sites import Site
from samerun.tracing.writer import Writer


def test_data_in_another_order(judge):
    first, second = {"batches": batches_of(ORDER)}, {"batches": batches_of(ORDER[::-1])}
    (found, *_) = judge({**first, "steps": range(50)}, {**second, "steps": range(50), "notes": (*SEEDED, loader())})
    assert (found.cause, found.place) == ("data-order", Site("train.py", 9, "main"))
    assert found.sentence == "the data come in another order: 4 of the 4 samples come in other batches in A.trace"
    swapped = [1, 0, *ORDER[2:]]
    (found, *_) = judge(first, {"batches": batches_of(swapped)})
    assert "the same samples in another order" in found.sentence
    moved = ORDER[4:8] + ORDER[:4] + ORDER[8:]
    (found, *_) = judge(first, {"batches": batches_of(moved)})
    assert "the batch of B.trace is that of step 1 in A.trace" in found.sentence


def test_the_order_of_a_set(judge):
    meta = {"environment": {**ENVIRONMENT, "python": {"version": "3.11.7", "hash_seed": "random"}}}
    first = {"batches": batches_of(ORDER), "meta": meta, "steps": range(50)}
    second = {"batches": batches_of(ORDER[::-1]), "meta": meta, "steps": range(50)}
    (found, *others) = judge(first, second)
    assert (found.cause, found.certain) == ("hash-order", False)
    assert [other.cause for other in others] == ["data-order"]
    # Where the loader differs, that is nearer.
    (found, *_) = judge({**first, "notes": (loader(),)}, {**second, "notes": (loader(batch_size=8),)})
    assert found.cause == "data-order"


def test_parameters_taken_from_a_set(judge):
    meta = {"environment": {**ENVIRONMENT, "python": {"version": "3.11.7", "hash_seed": "random"}}}
    names = [("a", "float32", [1]), ("b", "float32", [1])]
    first = {"meta": meta, "layouts": {"parameters": names}}
    (found, *_) = judge(first, {"meta": meta, "layouts": {"parameters": names[::-1]}, "initial": "other"})
    assert found.cause == "hash-order"
    assert "number 0 is a and b" in found.sentence


def test_files_in_another_order(judge):
    def listing(order, names="same", count=3):
        value = {"path": "/data", "digest": order, "sorted": names, "count": count}
        return 0, "listdir", {**value, "place": {"file": "data.py", "line": 8, "function": "images"}}

    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, listing("abc"))}
    second = {"batches": batches_of(ORDER[::-1]), "steps": range(50), "notes": (*SEEDED, listing("bca"))}
    (found, *_) = judge({**first, "steps": range(50)}, second)
    assert (found.cause, found.place) == ("file-order", Site("data.py", 8, "images"))
    assert found.sentence == "the 3 files of /data came in another order"
    second["notes"] = (*SEEDED, listing("abcd", "more", 4))
    (found, *_) = judge({**first, "steps": range(50)}, second)
    assert found.sentence == "the directory /data held other files: 3 in the first run, 4 in the second"


def test_other_contents_by_the_number_of_workers(judge):
    augmented = {"batches": lambda step: tuple((sample, "B") for sample in batches_of(ORDER)(step))}
    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, loader())}
    (found, *_) = judge(first, {**augmented, "notes": (*SEEDED, loader(num_workers=2))})
    assert (found.cause, found.certain, found.place) == ("item-content", True, Site("train.py", 9, "main"))
    assert "made by 0 and 2 workers" in found.sentence
    assert "no sample agrees" in found.sentence
    (found, *_) = judge(first, {**augmented, "notes": first["notes"]})
    assert (found.cause, found.certain) == ("item-content", False)
    half = {"batches": lambda step: (*batches_of(ORDER)(step)[:2], ("x", step), ("y", step))}
    (found, *_) = judge(first, {**half, "notes": first["notes"]})
    assert "2 of 4 samples of the batch agree" in found.sentence
    base = [(0, "worker-seed", {"loader": "", "seed": seed}) for seed in (1, 2)]
    (found, *_) = judge(
        {**first, "notes": (*first["notes"], base[0])}, {**augmented, "notes": (*first["notes"], base[1])}
    )
    assert "the workers began from other seeds" in found.sentence
    assert found.certain


def test_the_same_samples_in_other_batches(judge):
    first = {"batches": batches_of(ORDER, 4), "notes": (*SEEDED, loader())}
    second = {"batches": batches_of(ORDER, 8), "notes": (*SEEDED, loader(batch_size=8))}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("other-batches", Site("train.py", 9, "main"))
    assert found.sentence == "the same samples come in other batches: the first ones have 4 samples and 8"
    assert found.details == ("loader : batch_size: 4 and 8",)
    interleaved = [ORDER[at + 4 * odd] for at in range(0, 200, 8) for odd in (0, 1)]
    workers = {
        "batches": batches_of(interleaved),
        "notes": (*SEEDED, loader(num_workers=2, iterable=True)),
        "steps": range(10),
    }
    first = {**first, "notes": (*SEEDED, loader(iterable=True)), "steps": range(50)}
    (found, *_) = judge(first, workers)
    assert found.cause == "other-batches"
    assert "each worker of an iterable dataset" in found.sentence


def test_workers_do_not_regroup_a_dataset_that_has_an_order(judge):
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": (*SEEDED, loader())}
    second = {"batches": batches_of(ORDER[::-1]), "steps": range(50), "notes": (*SEEDED, loader(num_workers=2))}
    assert judge(first, second)[0].cause == "data-order"


def test_a_batch_that_one_run_does_not_fetch(judge):
    events = (*EVENTS[:2], (Phase.BATCH, "batch", "Validation[10]"), *EVENTS[3:])
    (found, *_) = judge({}, {"events": events})
    assert found.cause == "unknown"
    assert found.sentence == "only B.trace has the batch (Validation[10]) in step 0"


def test_workers_that_seed_otherwise(judge):
    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, loader(worker_init_fn="train.seed_worker"))}
    second = {
        "batches": lambda step: tuple((sample, "B") for sample in batches_of(ORDER)(step)),
        "notes": (*SEEDED, loader(worker_init_fn=None)),
    }
    (found, *_) = judge(first, second)
    assert (found.cause, found.certain) == ("item-content", True)
    assert "worker_init_fn is train.seed_worker and None" in found.sentence


def test_one_sample_that_is_another_is_no_other_order(judge):
    changed = [*ORDER[:13], "changed", *ORDER[14:]]
    options = {"notes": (*SEEDED, loader(made={"file": "train.py", "line": 5, "function": "main"}))}
    (found, *_) = judge({"batches": batches_of(ORDER), **options}, {"batches": batches_of(changed), **options})
    assert (found.cause, found.place) == ("item-content", Site("train.py", 5, "main"))
    assert "3 of 4 samples of the batch agree" in found.sentence
    assert "such as a file" in found.sentence


def test_files_in_another_order_in_another_folder(judge):
    def listing(folder, digest):
        value = {"path": f"{folder}/data", "digest": digest, "sorted": "same", "count": 3}
        return 0, "listdir", {**value, "place": {"file": f"{folder}/data.py", "line": 8, "function": "images"}}

    first = {"batches": batches_of(ORDER), "notes": (*SEEDED, listing("/first", "abc")), "steps": range(50)}
    second = {"batches": batches_of(ORDER[::-1]), "notes": (*SEEDED, listing("/second", "bca")), "steps": range(50)}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("file-order", Site("/second/data.py", 8, "images"))


def test_a_pass_that_ended_earlier_because_of_a_setting(judge):
    def begun(step):
        return step, "iter", {"loader": "", "place": {"file": "train.py", "line": 11, "function": "main"}}

    content = {"content": spoiled(3, "rng", name="torch.cpu")}
    first = {"notes": (*SEEDED, loader(drop_last=False), begun(0))}
    second = {"notes": (*SEEDED, loader(drop_last=True), begun(0), begun(3)), **content}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("other-batches", Site("train.py", 9, "main"))
    assert "it ended before step 3 in B.trace, and goes on in A.trace" in found.sentence
    same = {"notes": (*SEEDED, loader(drop_last=False), begun(0), begun(3)), **content}
    assert "other-batches" not in [diagnosis.cause for diagnosis in judge(first, same)]


def listing_of(order, line, path="/data"):
    place = {"file": "data.py", "line": line, "function": "images"}
    return 0, "listdir", {"path": path, "digest": order, "sorted": "same", "count": 3, "place": place}


def test_only_a_directory_whose_order_differs_is_named(judge):
    """Not the first that was listed, nor one that another line listed, nor one that what differs cannot depend on."""
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": (listing_of("a", 8), listing_of("b", 9))}
    second = {**first, "batches": batches_of(ORDER[::-1]), "notes": (listing_of("a", 8), listing_of("c", 9))}
    (found, *_) = judge(first, second)
    assert (found.cause, found.place) == ("file-order", Site("data.py", 9, "images"))
    second["notes"] = (listing_of("a", 8), listing_of("c", 10))
    assert "file-order" not in [found.cause for found in judge(first, second)]
    # More were listed in one of them.
    second["notes"] = (listing_of("a", 8), listing_of("c", 9), listing_of("d", 11))
    assert judge(first, second)[0].place == Site("data.py", 9, "images")
    notes = {"notes": (listing_of("a", 8),)}, {"notes": (listing_of("b", 8),)}
    found = judge(notes[0], {**notes[1], "content": spoiled(3, "rates")})
    assert "file-order" not in [diagnosis.cause for diagnosis in found]


def test_the_settings_of_the_loader_are_told_beside_another_order(judge):
    first = {"batches": batches_of(ORDER), "steps": range(50), "notes": (*SEEDED, loader(shuffle=False))}
    changed = loader(shuffle=True, prefetch_factor=2, sampler="x", timeout=3, worker_init_fn="y")
    second = {**first, "batches": batches_of(ORDER[::-1]), "notes": (*SEEDED, changed)}
    (found, *_) = judge(first, second)
    assert (found.cause, len(found.details)) == ("data-order", 4)
    assert "loader : shuffle: False and True" in found.details
    optimizers = [(0, "optimizer", {"optimizer": "0", "class": name}) for name in ("SGD", "Adam")]
    second["notes"] = (*first["notes"], optimizers[1])
    (found, *_) = judge({**first, "notes": (*first["notes"], optimizers[0])}, second)
    assert (found.cause, found.details) == ("data-order", ())


def drawing(path, extra=0, *, noise=0, **meta):
    """Record a run that fetches a batch, for which numbers are drawn in the main process."""
    torch.manual_seed(1)
    writer, generators = Writer(path, {"environment": ENVIRONMENT, **meta}), Generators()
    generators.refresh()
    source, rng = global_sources()["torch.cpu"], writer.series("rng", "torch.cpu")

    def read(step, phase):
        state, position = {name: found for name, *found in generators.read()}["torch.cpu"]
        writer.event(step, phase, rng, state, value=position)

    for note in (seed("torch", 1), loader()):
        writer.note(*note)
    for step in range(3):
        writer.state(step, rng, pack_state(source.pack(source.read())))
        read(step, Phase.BEFORE_BATCH)
        torch.rand(4 + extra)
        samples = [("sample", step, at, noise) for at in range(4)]
        writer.event(step, Phase.BATCH, writer.series("batch", ""), digest(samples), parts=rows(*samples))
        read(step, Phase.BATCH)
        writer.event(step, Phase.BATCH, writer.series("loss", ""), digest(samples))
        writer.end_step(step)
    writer.close()
    return path


@pytest.mark.parametrize("side", [0, 1])
def test_samples_for_which_more_was_drawn_are_made_in_another_way(tmp_path, side):
    paths = [drawing(tmp_path / "A.trace"), drawing(tmp_path / "B.trace", 12, noise=1)]
    run = compare_runs(*(paths if side else paths[::-1]))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert (found.cause, found.certain, found.place) == ("item-content", True, Site("train.py", 9, "main"))
    assert "torch's CPU generator took 12 draws more for it in B.trace: its samples are made in another way" in (
        found.sentence
    )
    assert found.advice.startswith("compare what makes a sample")


def test_samples_for_which_as_much_was_drawn_are_not(tmp_path):
    run = compare_runs(drawing(tmp_path / "A.trace"), drawing(tmp_path / "B.trace", noise=1))
    (found, *_) = diagnose(Evidence(run.worst))
    run.close()
    assert (found.cause, found.certain) == ("item-content", False)
    assert "more for it" not in found.sentence


def test_hashes_are_mentioned_where_nothing_is_certain(judge):
    random = {"environment": {**ENVIRONMENT, "python": {"version": "3.11.7", "hash_seed": "random"}}}
    changed = [*ORDER[:13], "changed", *ORDER[14:]]
    workers = [loader(num_workers=0), loader(num_workers=2)]
    for meta, second, mentioned in (
        (random, workers[0], True),
        ({}, workers[0], False),
        (random, workers[1], False),
    ):
        options = {"meta": meta, "notes": (*SEEDED, workers[0])}
        told = judge(
            {**options, "batches": batches_of(ORDER)},
            {**options, "batches": batches_of(changed), "notes": (*SEEDED, second)},
        )
        found = next(diagnosis for diagnosis in told if diagnosis.cause == "item-content")
        assert any("strings have other hashes" in detail for detail in found.details) == mentioned
        assert ("loader : num_workers: 0 and 2" in found.details) == (second is workers[1])
