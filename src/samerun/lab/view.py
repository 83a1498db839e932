"""An outcome as a notebook shows it: English and Japanese side by side."""

from __future__ import annotations

from dataclasses import dataclass

from samerun.lab.experiment import Experiment, Outcome

__all__ = ["View"]

# The page shows one language at a time. Here texts stand side by side, and a checkbox switches the labels inside plots.
# What the notebook has said before, the question and the hypothesis, is left out.
_STYLE = """
.samerun-lab h2, .samerun-lab section dl > :nth-child(-n + 4) { display: none; }
.samerun-lab :is(dd, .conclusion li, figcaption) { display: flex; gap: 1.5em; }
.samerun-lab :is(dd, .conclusion li, figcaption) > span, .samerun-lab .conclusion { flex: 1; }
.samerun-lab section :is(dl, dd, .conclusion) { margin: 0; padding: 0; }
.samerun-lab .conclusion li { padding: .3em 0; }
.samerun-lab :is(dt, td, th) span { display: block; }
.samerun-lab .command span[lang="ja"] { margin-left: 1em; }
.samerun-lab section :is(td, th) { text-align: left !important; vertical-align: top; }
.samerun-lab figure { margin: 1.2em 0; }
.samerun-lab figcaption { font-weight: bold; }
.samerun-lab dt { display: none; }
.samerun-lab svg { max-width: 54em; background: white; }
.samerun-lab td.good, .samerun-lab .good b { color: #0f7a4a; }
.samerun-lab td.bad, .samerun-lab .bad b { color: #b4371c; }
.samerun-lab td.good span:first-child::before { content: "✓ "; }
.samerun-lab td.bad span:first-child::before { content: "✗ "; }
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
