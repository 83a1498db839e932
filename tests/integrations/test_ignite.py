from __future__ import annotations

import logging
import warnings

import pytest
from torch.utils.data import BatchSampler, RandomSampler

from noisy import Noisy, bits
from samerun import DataLoader
from samerun.errors import LoaderError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it uses torch's deprecated functions
    from ignite.engine import DeterministicEngine, Engine, Events

# The second loader stands for that of another process.
pytestmark = pytest.mark.filterwarnings("ignore::samerun.errors.SamerunWarning")

EPOCHS, STEPS = 3, 10
ORDERS = {
    "shuffled": {"batch_size": 4, "shuffle": True},
    "own batch sampler": {"batch_sampler": BatchSampler(RandomSampler(range(40)), 4, drop_last=False)},
}


def loader(workers: int = 0, order: str = "shuffled") -> DataLoader:
    return DataLoader(Noisy(40), num_workers=workers, seed=7, **ORDERS[order])


def bare(order: str = "shuffled") -> list[bytes]:
    alone = loader(order=order)
    return [bits(batch) for _ in range(EPOCHS) for batch in alone]


def recording(kind: type[Engine] = Engine) -> tuple[Engine, list[bytes]]:
    seen: list[bytes] = []
    engine = kind(lambda engine, batch: seen.append(bits(batch)))
    engine.logger.setLevel(logging.CRITICAL)
    return engine, seen


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_the_engine_sees_the_loader_s_batches(order, workers):
    engine, seen = recording()
    engine.run(loader(workers, order), max_epochs=EPOCHS)
    assert seen == bare(order)


@pytest.mark.parametrize("workers", [(0, 2), (2, 0)])
@pytest.mark.parametrize("stop", [3, STEPS, STEPS + 3])
def test_resumed_by_the_states_of_engine_and_loader(stop, workers):
    first, saved = loader(workers[0]), {}
    engine, seen = recording()

    @engine.on(Events.ITERATION_COMPLETED(once=stop))
    def save(engine):
        saved.update(engine=engine.state_dict(), loader=first.state_dict())
        engine.terminate()

    engine.run(first, max_epochs=EPOCHS)
    second = loader(workers[1])
    resumed, rest = recording()
    resumed.load_state_dict(saved["engine"])
    second.load_state_dict(saved["loader"])
    resumed.run(second, max_epochs=EPOCHS)
    assert seen + rest == bare()


@pytest.mark.parametrize("order", ORDERS)
def test_the_deterministic_engine_rebuilds_the_loader_and_is_refused(order):
    engine, seen = recording(DeterministicEngine)
    with pytest.raises(LoaderError, match="Use Engine"):
        engine.run(loader(order=order), max_epochs=1)
    assert not seen
