from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from samerun.verify.text import show
from verdicts import ALL, ANEW, DIFFERS, SAME, SKIPPED, WENT_ON, report


def text_of(*outcomes, no_longer=(), width=80):
    file = io.StringIO()
    show(report(*outcomes), Console(width=width, file=file), no_longer)
    return file.getvalue()


def words_of(*outcomes, **options):
    return " ".join(text_of(*outcomes, width=200, **options).split())


def test_it_fits_80_columns_and_no_line_ends_in_blanks():
    long = replace(DIFFERS, scenario="of-another-package", cause="nondeterministic-kernel", step=1_000_000)
    lines = text_of(*ALL, long).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert any("nondeterministic-kernel" in line for line in lines)


def test_the_table_has_a_row_for_what_came_out_alike():
    table = text_of(*ALL).split("\n\n")[0]
    rows = [line.split("  ") for line in table.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[0] == ["scenario", "tried", "verdict", "first difference", "cause"]
    assert ["repeat", "again", "same"] in cells
    assert ["workers", "1 worker, 2", "same"] in cells or ["workers", "1 worker, 2 workers", "same"] in cells
    assert ["save", "not tried"] in cells
    words = " ".join(table.split())
    assert "step 1,208:" in words
    assert "data-order" in words


def test_what_differs_is_explained_with_place_and_advice():
    words = words_of(*ALL)
    assert (
        "workers: 3 workers, persistent Step 1,208: the batch, from the batch to the backward pass. The data come in"
        " another order: 8 of the 8 samples come in other batches in the first run. at train.py:7 in <module>"
        " num_workers: 0 and 3 do let the order depend on a seed: `samerun.DataLoader` read docs/causes/data-order.md"
    ) in words
    assert "threads: 1 thread Step 3: the loss" in words
    assert "do pin the number of threads" in words
    assert "not tried: save it saves nothing" in words
    assert "DIFFERS 1 of 8 trials; 5 same; 1 depends on the environment; 1 could not run" in words


def test_trials_that_differ_alike_are_explained_once():
    other = replace(DIFFERS, trial="2 workers", step=9)
    words = words_of(SAME, DIFFERS, other)
    assert words.count("The data come in another order") == 1
    assert "also 2 workers (step 9)" in words


def test_what_is_accepted_is_not_explained_and_what_no_longer_differs_is_named():
    words = words_of(SAME, replace(DIFFERS, accepted=True), no_longer=["eda: between steps"])
    assert "3 workers, persistent differs, step 1,208: the batch data-order accepted" in words
    assert "let the order" not in words
    assert "THE SAME 1 of 2 trials; 1 accepted" in words
    assert "no longer differs: eda: between steps; take it out of the baseline" in words


def test_resumptions_are_told_and_a_script_that_always_begins_anew_is_noticed():
    words = words_of(SAME, ANEW, WENT_ON)
    assert "SIGTERM after the first step killed after 1 step, began anew" in words
    assert "killed after 12 steps, went on from step 10" in words
    assert "nothing was resumed" not in words
    words = words_of(SAME, ANEW)
    assert "interrupt SIGTERM after the first step same began anew" in words
    assert "nothing was resumed; each time it was killed, it began anew" in words
    assert "--resume-cmd" in words


def test_scenarios_that_were_not_tried_for_one_reason_share_a_line():
    words = words_of(SKIPPED, replace(SKIPPED, scenario="eda"))
    assert "not tried: save, eda it saves nothing" in words
    assert "NOT TRIED nothing was tried" in words
