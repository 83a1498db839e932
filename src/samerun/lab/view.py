"""An outcome as a notebook shows it: English and Japanese side by side."""

from __future__ import annotations

from dataclasses import dataclass

from samerun.lab.experiment import Experiment, Outcome

__all__ = ["View"]

# The page shows one language at a time. Here texts stand side by side, and a checkbox switches the labels inside plots.
_STYLE = """
.samerun-lab :is(dd, .conclusion li, figcaption) { display: flex; gap: 1.5em; }
.samerun-lab :is(dd, .conclusion li, figcaption) > span, .samerun-lab .conclusion { flex: 1; }
.samerun-lab :is(dd, .conclusion) { margin: 0 0 .6em; padding: 0; }
.samerun-lab :is(dt, td, th) span { display: block; }
.samerun-lab :is(h2, .command) span[lang="ja"] { margin-left: 1em; }
.samerun-lab :is(td, th) { text-align: left; vertical-align: top; }
.samerun-lab figure { margin: 1.2em 0; }
.samerun-lab :is(dt, figcaption) { font-weight: bold; }
.samerun-lab svg { max-width: 54em; background: white; }
.samerun-lab .good { color: #0f7a4a; }
.samerun-lab .bad { color: #b4371c; }
.samerun-lab td.good::before { content: "✓ "; }
.samerun-lab td.bad::before { content: "✗ "; }
.samerun-lab .conclusion span { color: var(--jp-content-font-color1, inherit); }
.samerun-lab > input:not(:checked) ~ section svg [lang="ja"] { display: none; }
.samerun-lab > input:checked ~ section svg [lang="en"] { display: none; }
"""


@dataclass(frozen=True, slots=True)
class View:
    """What a notebook shows where this is the last value of a cell: conclusion, plots and tables."""

    experiment: Experiment
    outcome: Outcome

    def _repr_html_(self) -> str:
        from samerun.lab.page import section

        switch = f"{self.experiment.name}-switch"
        return (
            f'<style>{_STYLE}</style><div class="samerun-lab"><input type="checkbox" id="{switch}">'
            f' <label for="{switch}">図の文字を日本語にする (labels of the plots in Japanese)</label>'
            f"{section(self.experiment, self.outcome)}</div>"
        )
