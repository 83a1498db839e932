from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator, DataLoaderConfiguration, skip_first_batches
from accelerate.state import AcceleratorState, GradientState, PartialState
from torch.utils.data import BatchSampler, RandomSampler

from noisy import Noisy, Stream, bits
from samerun import DataLoader
from samerun.errors import LoaderError

# torchdata, and the second loader that stands for that of another process.
pytestmark = [
    pytest.mark.usefixtures("impatient"),
    pytest.mark.filterwarnings("ignore:'set_vital':UserWarning"),
    pytest.mark.filterwarnings("ignore::samerun.errors.SamerunWarning"),
]

KINDS = {
    "shuffled": {"batch_size": 4, "shuffle": True},
    "in order": {"batch_size": 4},
    "not batched": {"batch_size": None, "shuffle": True},
    "own batch sampler": {"batch_sampler": BatchSampler(RandomSampler(range(40)), 4, drop_last=False)},
    "iterable": {"dataset": Stream(), "batch_size": 4},
}


@pytest.fixture(autouse=True)
def _no_state_is_left() -> Iterator[None]:
    yield
    for shared in (AcceleratorState, GradientState, PartialState):
        shared._reset_state()


def loader(workers: int = 0, dataset=None, **options) -> DataLoader:
    return DataLoader(dataset or Noisy(40), **{"num_workers": workers, "seed": 7, **options})


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_left_out_of_prepare_it_is_exact(kind, workers):
    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(7, 1).double()
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1))
    seen, train = [], loader(workers, **KINDS[kind])
    for _ in range(2):
        for batch in train:
            with accelerator.accumulate(model):
                accelerator.backward(model(batch.to(accelerator.device)[..., :7]).mean())
                optimizer.step()
                optimizer.zero_grad()
            seen.append(bits(batch))
    alone = loader(workers if kind == "iterable" else 0, **KINDS[kind])
    assert seen == [bits(batch) for _ in range(2) for batch in alone]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "config",
    [{}, {"dispatch_batches": True}, {"use_seedable_sampler": True}, {"use_stateful_dataloader": True}],
    ids=lambda config: next(iter(config), "default"),
)
def test_prepared_it_is_another_loader_and_says_so(config, kind, workers):
    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(**config))
    # An error in a worker arrives as the base class with the message. With torchdata's loader prepare itself iterates.
    with pytest.raises(RuntimeError, match=r"(?s)belongs to a samerun\.DataLoader.*prepare\(\)"):
        next(iter(accelerator.prepare(loader(workers, **KINDS[kind]))))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"not batched"}))
def test_skipping_batches_makes_another_loader_and_says_so(kind):
    with pytest.raises(LoaderError, match=r"skip_first_batches\(\)"):
        next(iter(skip_first_batches(loader(**KINDS[kind]), 2)))


def test_skipping_without_batches_fails_in_accelerate_itself():
    plain = torch.utils.data.DataLoader(Noisy(40), batch_size=None)
    for skipped in (plain, loader(**KINDS["not batched"])):
        with pytest.raises(TypeError, match="NoneType"):
            next(iter(skip_first_batches(skipped, 2)))


@pytest.mark.parametrize("workers", [(0, 2), (2, 0)])
def test_resumed_by_its_state_in_place_of_skipping(workers):
    expected = [bits(batch) for batch in loader(**KINDS["shuffled"])]
    first, second = (loader(number, **KINDS["shuffled"]) for number in workers)
    batches = iter(first)
    seen = [bits(next(batches)) for _ in range(3)]
    second.load_state_dict(first.state_dict())
    assert seen + [bits(batch) for batch in second] == expected
