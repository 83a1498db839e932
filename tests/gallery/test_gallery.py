"""Every exhibit is said to be what it is, with step, file and line; and what is the same is called the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exhibits import GALLERY, Exhibit, exhibits, table, verb
from nursery import Nursery
from samerun.divergence.explain import explain

EXHIBITS = exhibits()
PAGE = GALLERY.parents[1] / "docs" / "explanation" / "gallery.md"


@dataclass(frozen=True)
class Answer:
    traces: tuple[Path, Path]
    explanation: dict[str, Any] | None


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest) -> Iterator[dict[Exhibit, Future[Answer]]]:
    """Return the answers about all exhibits that are asked for, two of which are made at a time."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    calls = [item.callspec for item in items if item.module is request.module and hasattr(item, "callspec")]
    wanted = dict.fromkeys(call.params["exhibit"] for call in calls)
    with Nursery() as nursery, ExitStack() as folders, ThreadPoolExecutor(2) as pool:
        futures = {exhibit: pool.submit(answer, exhibit, nursery, folders) for exhibit in wanted}
        yield futures
        for future in futures.values():
            future.cancel()


def answer(exhibit: Exhibit, nursery: Nursery, folders: ExitStack) -> Answer:
    traces = folders.enter_context(exhibit.traced(nursery))
    # One pair of reruns is enough to find the line, also where they do not repeat themselves.
    explained = explain(*traces, times=1).as_json() if exhibit.says.line == "explain" else None
    return Answer(traces, explained)


def marked(*chosen: Exhibit) -> list[Any]:
    return [pytest.param(one, id=str(one), marks=list(marks(one))) for one in chosen]


def marks(exhibit: Exhibit) -> Iterator[pytest.MarkDecorator]:
    if not exhibit.fast:
        yield from (pytest.mark.gallery, pytest.mark.timeout(900))
    if exhibit.missing is not None:
        yield pytest.mark.skip(reason=f"there is no {exhibit.missing}, where its files come in the order that it needs")


@pytest.mark.parametrize("exhibit", marked(*(one for one in EXHIBITS if one.says.same)))
def test_what_is_the_same_is_called_the_same(exhibit, answers):
    code, diff = verb("diff", *answers[exhibit].result().traces)
    assert (code, diff["same"]) == (0, True), diff


@pytest.mark.parametrize("exhibit", marked(*(one for one in EXHIBITS if not one.says.same)))
def test_what_differs_is_named(exhibit, answers):
    says, found = exhibit.says, answers[exhibit].result()
    code, diff = verb("diff", *found.traces)
    process = next(process for process in diff["processes"] if process["process"] == diff["first"])
    assert (code, diff["same"]) == (1, False)
    first = process["diagnoses"][0]
    assert (first["cause"], says.words in first["sentence"]) == (says.cause, True), process["diagnoses"]
    step = process["divergence"]["step"] if process["divergence"] else min(process["ends"])
    assert says.step in (None, step)
    if says.line == "diff":
        assert place(first["place"]) == (says.file, exhibit.marked[0])
    if says.line == "explain":
        finding = found.explanation["finding"]
        assert finding is not None, found.explanation
        assert says.kind in ("", finding["kind"])
        assert (says.file, exhibit.marked[0]) in lines(finding)


def place(site: dict[str, Any] | None) -> tuple[str, int] | None:
    return None if site is None else (Path(site["file"]).name, site["line"])


def lines(finding: dict[str, Any]) -> list[tuple[str, int] | None]:
    acts = [act for act in (finding["first"], finding["second"]) if act is not None]
    return [place(site) for act in acts for site in (*act["stack"], *act.get("forward", ()))]


def test_there_are_enough_of_them():
    same = sum(exhibit.says.same for exhibit in EXHIBITS)
    assert len(EXHIBITS) - same >= 22
    assert same >= 5


def test_the_page_has_them_all():
    assert table(EXHIBITS) in PAGE.read_text(encoding="utf-8")
