from __future__ import annotations

import io
import itertools
import json
import math
import re
import sqlite3
from html.parser import HTMLParser

import pytest
from rich.console import Console

from browser import opened
from runs import EVENTS, digest, plain, record
from samerun.divergence.charts import Line, chart, strip
from samerun.divergence.history import history
from samerun.divergence.html import page
from samerun.divergence.text import show
from samerun.divergence.verdict import judge
from samerun.errors import TraceError
from samerun.tracing.files import rank_path
from samerun.tracing.format import Phase

ENVIRONMENT = {"python": {"hash_seed": 0}, "threads": {"intra_op": 2}}
SEEDS = ((0, "seed", {"library": "torch", "value": 42}), (0, "seed", {"library": "numpy", "value": 42}))
NAMES = [(f"layer{number}.weight", "float32", [8, 8]) for number in range(4)]
STEPS, AT = 300, 137


def diverging(step, phase, kind, name):
    late = (step, phase) >= (AT, Phase.GRADIENTS) and kind in ("loss", "gradients", "parameters", "optimizer")
    return (plain(step, phase, kind, name), "other") if late else plain(step, phase, kind, name)


def losses(other):
    def value(step, kind):
        if kind != "loss":
            return json.dumps([0.1]) if kind == "rates" else None
        apart = min(0.3, 1e-6 * 1.1 ** (step - AT)) if other and step >= AT else 0.0
        return 2 * math.exp(-step / 100) + apart

    return value


def tensors(other):
    def parts(step, kind):
        if kind != "parameters":
            return None
        return b"".join(digest(step, at, other and step >= AT + 10 * at, size=8) for at in range(4))

    return parts


def write(path, other=False, **options):
    environment = {**ENVIRONMENT, "threads": {"intra_op": 1 if other else 2}}
    meta = {"environment": environment, "command": {"script_argv": ["train.py", "<b>&"]}}
    told = {"meta": meta, "values": losses(other), "parts": tensors(other), "layouts": {"parameters": NAMES}}
    return record(path, diverging if other else plain, notes=SEEDS, **{"steps": range(STEPS), **told, **options})


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    return write(folder / "A.trace"), write(folder / "B.trace", other=True)


@pytest.fixture
def verdict(pair):
    found = judge(*pair)
    yield found
    found.close()


def text_of(verdict, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    show(verdict, console)
    return console.export_text()


# --- the terminal


def test_the_answer_fits_one_screen_and_says_where_why_and_what_to_do(verdict):
    text = text_of(verdict)
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    words = " ".join(text.split())
    assert "DIFFERS first in step 137: the loss, when the optimizer began its step" in words
    assert "Another number of threads adds numbers in another order: equal inputs gave other bits in the loss." in words
    assert "threads.intra_op: 2 and 1" in words
    assert "read docs/causes/threads.md" in words
    assert "the same until then 137 steps; batch, buffers, gradients" in words
    assert "differs after it gradients (137), parameters (137) and optimizer (137)" in words


@pytest.mark.parametrize("color", [None, "truecolor"])
def test_no_line_ends_with_blanks(verdict, color):
    file = io.StringIO()
    show(verdict, Console(width=80, file=file, force_terminal=color is not None, color_system=color))
    lines = re.sub(r"\x1b\[[\d;]*m", "", file.getvalue()).split("\n")
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[-1] == ""
    assert lines[-2] != ""
    assert ("\x1b[" in file.getvalue()) == (color is not None)


def test_runs_that_are_the_same_are_said_to_be(pair):
    found = judge(pair[0], pair[0])
    text = text_of(found)
    found.close()
    assert "THE SAME" in text
    assert "300 steps compared" in text
    assert "DIFFERS" not in text


def test_a_resumed_run_is_said_to_be_one(pair, tmp_path):
    found = judge(pair[0], write(tmp_path / "C.trace", steps=range(100, STEPS), start=100, finished=None))
    text = text_of(found)
    found.close()
    assert re.search(r"C\.trace +200 steps, from step 100 of the other +cut off, or still running", text)
    assert "THE SAME" in text


def test_what_was_not_compared_is_named(pair, tmp_path):
    def idle(step, phase, kind, name):
        return "other" if name == "numpy" else plain(step, phase, kind, name)

    more = record(tmp_path / "M.trace", idle, steps=range(9), events=(*EVENTS, (3, "scaler", "")))
    found = judge(record(tmp_path / "L.trace", steps=range(9)), more)
    words = " ".join(text_of(found).split())
    found.close()
    assert "not compared scaler: only in M.trace" in words
    assert "not compared rng numpy: not the same, but never drawn from" in words


def test_each_rank_is_told(pair, tmp_path):
    first, second = tmp_path / "A.trace", tmp_path / "B.trace"
    for rank in range(2):
        write(rank_path(first, rank), steps=range(150))
        write(rank_path(second, rank), other=rank == 1, steps=range(150))
    write(rank_path(first, 2), steps=range(5))
    found = judge(first, second)
    words = " ".join(text_of(found).split())
    told = found.as_json()
    html = page(found)
    found.close()
    assert "rank 0 the same rank 1 differs in step 137: loss rank 2 only in A.trace" in words
    assert told["first"] == "rank 1"
    assert told["processes_left_out"] == [{"process": "rank 2", "only_in": 0}]
    assert "differs in step 137: loss" in html


def test_other_commands_are_shown_and_other_surroundings_named(pair, tmp_path):
    commands = [{"argv": ["python", "train.py", *more]} for more in ([], ["--noise", "0.1"])]
    metas = [{"command": command, "environment": ENVIRONMENT | {"x": at}} for at, command in enumerate(commands)]
    paths = [write(tmp_path / f"{name}.trace", meta=meta) for name, meta in zip("AB", metas, strict=True)]
    with judge(*paths) as found:
        told = " ".join(text_of(found).split())
    assert "differs around them command: python train.py and python train.py --noise 0.1 and x" in told


def shuffled(path, hashes, order, **options):
    environment = {**ENVIRONMENT, "python": {"hash_seed": hashes}}
    made = {"file": "train.py", "line": 9, "function": "main"}
    notes = (*SEEDS, (0, "loader", {"loader": "", "place": made}))

    def batches(step):
        return tuple(order[4 * step : 4 * step + 4])

    return record(path, meta={"environment": environment}, notes=notes, batches=batches, steps=range(9), **options)


def test_what_is_doubtful_is_said_to_be_with_what_else_fits(tmp_path, verdict):
    order = list(range(40))
    paths = shuffled(tmp_path / "A.trace", 1, order), shuffled(tmp_path / "B.trace", 2, order[3:] + order[:3])
    with judge(*paths) as found:
        assert [diagnosis.cause for diagnosis in found.worst.diagnoses] == ["hash-order", "data-order"]
        text = text_of(found)
    words = " ".join(text.split())
    assert "(this is what fits best; the traces do not prove it)" in words
    assert "\n  at    train.py:9 in main\n" in text
    assert "what also fits: data-order the same until then" in words
    # What is certain, has no line and is the only process has none of this.
    certain = text_of(verdict)
    assert "fits" not in certain
    assert "\n  at " not in certain
    assert "rank 0" not in certain


def test_which_batch_of_a_step_differs_is_told(tmp_path):
    events = (*EVENTS[:4], EVENTS[2], *EVENTS[3:])

    def other(number):
        count = itertools.count()

        def content(step, phase, kind, name):
            chosen = step == 3 and kind == "batch" and next(count) == number
            return "other" if chosen else plain(step, phase, kind, name)

        return content

    whole = record(tmp_path / "A.trace", events=events)
    for number, told in ((0, ""), (1, ", number 2 of the step")):
        with judge(whole, record(tmp_path / f"{number}.trace", other(number), events=events)) as found:
            words = " ".join(text_of(found).split())
        before, _, after = words.partition("first in step 3: the batch, from the batch to the backward pass")
        assert (before.endswith("DIFFERS "), after.startswith(f"{told} The")) == (True, True), words


def test_a_recording_that_began_late_has_as_many_steps_as_were_recorded(tmp_path):
    paths = [record(tmp_path / f"{name}.trace", steps=range(5, 12), initial=None) for name in "AB"]
    with judge(*paths) as found:
        assert re.search(r"A\.trace +7 steps +ended", text_of(found))
        assert "7 steps compared" in text_of(found)


def test_the_files_are_closed_with_the_verdict(pair):
    with judge(*pair) as found:
        traces = found.worst.evidence.traces
        assert traces[0].notes()
    for trace in traces:
        with pytest.raises((TraceError, sqlite3.ProgrammingError)):
            trace.notes()


# --- JSON


def test_json_has_all_that_the_text_says(verdict):
    told = json.loads(json.dumps(verdict.as_json()))
    (process,) = told["processes"]
    assert (told["same"], process["same"], process["offset"], process["aligned_by"]) == (False, False, 0, "start")
    divergence = process["divergence"]
    assert (divergence["step"], divergence["phase"], divergence["kind"]) == (AT, 2, "loss")
    assert divergence["first"]["digest"] != divergence["second"]["digest"]
    assert divergence["second"]["value"] - divergence["first"]["value"] == pytest.approx(1e-6)
    assert [found["cause"] for found in process["diagnoses"]] == ["threads"]
    assert process["environment"] == [{"name": "threads.intra_op", "first": 2, "second": 1}]
    assert {series["kind"] for series in process["agreed"]} >= {"batch", "parameters", "rng"}


# --- over time


def test_history_tells_every_stretch_and_moment(verdict):
    found = history(verdict.worst.comparison)
    assert found.complete
    assert (found.columns[0].first, found.columns[-1].last) == (0, STEPS - 1)
    rows = {(row.phase, str(row.series)): row.cells for row in found.rows}
    at = next(number for number, column in enumerate(found.columns) if column.last >= AT)
    assert rows[Phase.GRADIENTS, "loss"] == [True] * at + [False] * (len(found.columns) - at)
    assert set(rows[Phase.BATCH, "batch"]) == {True}
    # What stands is known also where it does not change; before the batch these are the parameters of the step before.
    assert set(rows[Phase.GRADIENTS, "rates"]) == {True}
    assert rows[Phase.BEFORE_BATCH, "parameters"][0] is True
    assert rows[Phase.BEFORE_BATCH, "parameters"][-1] is False
    assert found.distances[AT - 1] == (AT - 1, 0.0)
    assert found.distances[AT][1] == pytest.approx(1e-6)
    assert {step: differing for step, differing, _ in found.tensors}[AT + 15] == 2
    assert {total for _, _, total in found.tensors} == {4}


def test_the_operations_of_a_step_share_a_row(tmp_path):
    events = (
        *EVENTS[:4],
        *((Phase.BATCH, "op", f"aten.{name}.default") for name in ("mm", "add", "relu")),
        *EVENTS[4:],
    )

    def other(step, phase, kind, name):
        return "other" if (step, name) == (3, "aten.add.default") else plain(step, phase, kind, name)

    traces = [
        record(tmp_path / f"{name}.trace", content, events=events) for name, content in (("A", plain), ("B", other))
    ]
    with judge(*traces) as found:
        told = history(found.worst.comparison)
    (row,) = (row for row in told.rows if row.series.kind == "op")
    assert [step for step, cell in enumerate(row.cells) if not cell] == [3]


def test_a_single_step_that_differs_is_seen_in_its_stretch(pair, tmp_path):
    def once(step, phase, kind, name):
        return "once" if (step, kind) == (210, "batch") else plain(step, phase, kind, name)

    found = judge(pair[0], record(tmp_path / "C.trace", once, steps=range(STEPS), notes=SEEDS))
    told = history(found.worst.comparison)
    found.close()
    (row,) = (row for row in told.rows if row.series.kind == "batch")
    assert row.cells.count(False) == 1
    column = told.columns[row.cells.index(False)]
    assert (column.first, column.last) == (210, 211)  # what comes later in it is the same again


@pytest.mark.gallery
def test_of_a_long_run_only_some_steps_are_looked_at(tmp_path):
    first, second = record(tmp_path / "A.trace", steps=range(40_000)), record(tmp_path / "B.trace", steps=range(40_000))
    found = judge(first, second)
    told = history(found.worst.comparison)
    html = page(found)
    found.close()
    assert not told.complete
    assert len(told.columns) <= 240
    assert all(set(row.cells) == {True} for row in told.rows)
    assert "Of each stretch the first 83 steps were looked at" in html


# --- charts


def elements(svg):
    found = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, dict(attributes)))

    Parser().feed(str(svg))
    return found


def test_a_chart_keeps_the_extremes_of_many_points_and_leaves_out_what_cannot_be_drawn():
    points = [(step, 1.0) for step in range(100_000)]
    points[5_000] = (5_000, 9.0)
    points[6_000] = (6_000, math.nan)
    (line,) = (given for tag, given in elements(chart("t", [Line("a", points, "first")], None)) if tag == "polyline")
    drawn = [tuple(map(float, point.split(","))) for point in line["points"].split()]
    assert len(drawn) <= 800
    assert len({y for _, y in drawn}) == 2
    assert drawn == sorted(drawn)
    logarithmic = chart("t", [Line("a", [(0, 0.0), (1, 1e-8), (2, 1e-2)], "first")], 1, logarithmic=True)
    (line,) = (given for tag, given in elements(logarithmic) if tag == "polyline")
    assert len(line["points"].split()) == 2
    assert "nothing to draw" in chart("t", [Line("a", [], "first")], None)
    assert "polyline" in chart("t", [Line("a", [(3, 1.0)], "first")], 3)


def test_text_that_a_line_crosses_is_drawn_over_it(verdict):
    for svg in (
        strip(history(verdict.worst.comparison), 0),
        chart("t", [Line("a", [(0, 1.0), (9, 1.0)], "first")], 0),
    ):
        drawn = [(tag, given.get("class")) for tag, given in elements(svg)]
        lines = [at for at, (tag, kind) in enumerate(drawn) if tag == "polyline" or kind == "mark"]
        titles = [at for at, found in enumerate(drawn) if found in (("text", "moment"), ("text", "start"))]
        assert max(lines) < titles[-1]
        assert not [at for at in titles if drawn[at][1] == "moment" and at < max(lines)]


def test_names_are_escaped(verdict):
    told = history(verdict.worst.comparison)
    told.rows[0].series = told.rows[0].series._replace(name="<script>alert(1)</script>")
    assert "<script" not in strip(told, AT)
    assert "&lt;b&gt;&amp;" in page(verdict)
    assert "<b>&" not in page(verdict)


# --- the page, in a browser


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_the_page_opens_in_a_browser(verdict, chromium, tmp_path, scheme, width):
    (tmp_path / "report.html").write_text(page(verdict), encoding="utf-8")
    viewport = {"width": width, "height": 800}
    with opened(chromium, tmp_path / "report.html", viewport=viewport, color_scheme=scheme) as shown:
        title = shown.locator("#verdict h2").inner_text()
        assert title == "Differs first in step 137: the loss, when the optimizer began its step"
        assert shown.locator("#verdict").get_by_text("another number of threads").is_visible()
        for section in ("strip", "losses", "distances", "tensors"):
            box = shown.locator(f"#{section} svg").bounding_box()
            assert box["height"] > 80
            assert box["width"] > 200
        red = shown.locator("#strip rect.differs")
        assert red.count() == 5  # loss, gradients, optimizer, and the parameters at two moments
        start = red.first.bounding_box()["x"]
        mark = shown.locator("#strip line.mark").bounding_box()["x"]
        assert abs(start - mark) < 5
        assert shown.locator("#losses polyline").count() == 2
        assert shown.locator("#environment").get_by_text("threads.intra_op").is_visible()
        assert shown.evaluate("document.documentElement.scrollWidth") == shown.evaluate("innerWidth")
        back = re.findall(r"\d+", shown.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert (sum(map(int, back)) < 3 * 80) == (scheme == "dark")
