from __future__ import annotations

import os
import signal
import threading

import pytest
from torch.utils.data import DataLoader, Dataset

from samerun.run.signals import Signals

TERM, INT, USR1 = signal.SIGTERM, signal.SIGINT, signal.SIGUSR1


def test_a_signal_is_noted_and_the_handlers_come_back():
    before = signal.getsignal(TERM)
    signals = Signals([TERM])
    with signals:
        signal.raise_signal(TERM)
        assert signals.received is TERM
        with pytest.raises(SystemExit) as left:
            signals.answer()
    assert left.value.code == 143
    assert signals.received is None
    assert signal.getsignal(TERM) is before


def test_an_interrupt_is_answered_as_python_does():
    with Signals([INT]) as signals:
        signal.raise_signal(INT)
        with pytest.raises(KeyboardInterrupt):
            signals.answer()
        signals.answer()  # nothing is left


def test_one_that_was_not_answered_reaches_whom_it_was_meant_for():
    with pytest.raises(KeyboardInterrupt), Signals([INT]):
        signal.raise_signal(INT)


def test_the_handlers_come_back_in_whatever_order_two_end():
    before = signal.getsignal(TERM)
    first, second = Signals([TERM]), Signals([TERM, INT])
    first.__enter__()
    second.__enter__()
    first.__exit__()
    signal.raise_signal(TERM)
    assert second.received is TERM
    second.received = None
    second.__exit__()
    assert signal.getsignal(TERM) is before
    assert signal.getsignal(INT) is signal.default_int_handler


def code_of(body):
    child = os.fork()
    if child == 0:
        body()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_second_interrupt_kills_at_once():
    def twice():
        with Signals([INT, TERM]):
            signal.raise_signal(INT)
            signal.raise_signal(INT)

    assert code_of(twice) == -INT


def test_a_forked_process_ends_by_the_first_as_without_a_run():
    def interrupted():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(INT)

    with Signals([TERM, INT]):
        assert code_of(lambda: signal.raise_signal(TERM)) == -TERM
        assert code_of(interrupted) == 0


class Signalled(Dataset):
    """An item for which its worker gets a signal, some times."""

    def __init__(self, times):
        self.times = times

    def __len__(self):
        return 1

    def __getitem__(self, index):
        for _ in range(self.times):
            signal.raise_signal(USR1)
        return index


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_worker_of_any_loader_survives_the_first_of_each_kind():
    with Signals([USR1]):
        assert list(DataLoader(Signalled(1), num_workers=1)) == [0]
        with pytest.raises(RuntimeError, match=r"killed by signal|exited unexpectedly"):
            list(DataLoader(Signalled(2), num_workers=1))


def test_other_threads_change_no_handler():
    before, seen = signal.getsignal(TERM), []

    def enter():
        with Signals([TERM]):
            seen.append(signal.getsignal(TERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
