from __future__ import annotations

import pytest

from samerun.run.progress import Bar


def show(bar):
    with bar:
        bar.begin(3, 2, None, range(5))
        bar.show({"loss": 0.123456})
        bar.saved()
        bar.advance()


def test_it_shows_epoch_step_metrics_and_the_last_checkpoint(capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "150")
    show(Bar(True, 0))
    found = capsys.readouterr()
    assert found.out == ""
    for part in ("epoch 3", "3/5", "loss 0.1235", "/s", "saved "):
        assert part in found.err


@pytest.mark.parametrize(("wanted", "rank"), [(False, 0), (None, 0), (True, 1)])
def test_it_is_silent_where_nobody_looks(capsys, wanted, rank):
    show(Bar(wanted, rank))
    assert capsys.readouterr() == ("", "")


def test_a_loader_without_a_length_and_a_second_loop(capsys):
    pytest.importorskip("rich")
    bar = Bar(True, 0)
    with bar:
        bar.begin(0, 0, None, iter([1]))
        bar.begin(1, 0, 7, iter([1]))
    assert "0/7" in capsys.readouterr().err
    bar.advance()  # outside it does nothing


def test_without_rich_it_is_silent(capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    show(Bar(True, 0))
    assert capsys.readouterr() == ("", "")
