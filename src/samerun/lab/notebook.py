"""The experiments as notebooks, in English and Japanese side by side.

``python -m samerun.lab.notebook examples/lab`` writes them.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from samerun.lab.by_hand import BY_HAND
from samerun.lab.catalogue import all_experiments
from samerun.lab.experiment import Experiment
from samerun.lab.text import Text

__all__ = ["file_name", "notebook", "write_all"]

_HEAD = """\
# {number} · {title.en} · {title.ja}

| | English | 日本語 |
|---|---|---|
| **Question<br>問い** | {question.en} | {question.ja} |
| **Hypothesis<br>仮説** | {hypothesis.en} | {hypothesis.ja} |

Run all cells; from a checkout, `pip install ".[lab,notebook]"` brings what they need. From a terminal: `{command}`.
[The code]({code}) · [What follows from it](../../docs/guide.md)

すべてのセルを実行してください。必要なものは、チェックアウトした場所での `pip install ".[lab,notebook]"` で入ります。\
ターミナルからは `{command}` です。
[コード]({code}) · [どうすればよいか](../../docs/ja/guide.md)
"""

_BY_HAND = """\
## By hand · 手で試す
"""

_EXPERIMENT = """\
## The experiment · 実験
"""

_RUN = """\
from samerun.lab import find_experiment
from samerun.lab.view import View

experiment = find_experiment("{name}")
outcome = experiment.run()
View(experiment, outcome)"""

_ASIDE = """\
What was measured is in `outcome.figures`, and `experiment.judge(figures)` draws the conclusion from it alone: change a
figure and judge again.

測定値は `outcome.figures` にあり、結論は `experiment.judge(figures)` がそれだけから導きます。\
値を変えて、もう一度判定してみてください。
"""

_FIGURES = """\
assert outcome.holds
list(outcome.figures)"""


def file_name(experiment: Experiment) -> str:
    """Return the name of an experiment's notebook, such as ``08-one-integer.ipynb``."""
    return f"{experiment.number:02}-{experiment.name}.ipynb"


def notebook(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment's notebook, without outputs, in the format 4.5 of nbformat; always the same."""
    module = sys.modules[experiment.measure.__module__]
    code = Path("../../src", *module.__name__.split("."))
    head = _HEAD.format(
        number=experiment.number,
        title=experiment.title,
        question=_in_table(experiment.question),
        hypothesis=_in_table(experiment.hypothesis),
        command=experiment.command,
        code=(code / "__init__.py" if hasattr(module, "__path__") else code.with_suffix(".py")).as_posix(),
    )
    cells = [
        _markdown(head),
        _markdown(_BY_HAND),
        *map(_code, BY_HAND[experiment.name]),
        _markdown(_EXPERIMENT),
        _code(_RUN.format(name=experiment.name)),
        _markdown(_ASIDE),
        _code(_FIGURES),
    ]
    return {
        "cells": [{"id": f"cell-{place}", **cell} for place, cell in enumerate(cells, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_all(folder: Path) -> None:
    """Write the notebooks of all experiments into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for experiment in all_experiments():
        text = json.dumps(notebook(experiment), indent=1, ensure_ascii=False) + "\n"
        (folder / file_name(experiment)).write_text(text, encoding="utf-8")


def _in_table(text: Text) -> Text:
    return Text(text.en.replace("|", r"\|"), text.ja.replace("|", r"\|"))


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(text)}


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": _lines(text)}


def _lines(text: str) -> list[str]:
    return text.strip().splitlines(keepends=True)


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m samerun.lab.notebook", description="Write the experiments' notebooks.")
    parser.add_argument("folder", type=Path)
    write_all(parser.parse_args().folder)
