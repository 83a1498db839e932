"""Ratios against what a user would pick instead; `python -m benchmarks` prints one table.

A subject is a module with ``rows() -> list[Comparison]`` and a place in ``SUBJECTS``.
"""

#: The subjects in the order of the table; each is imported when it is measured.
SUBJECTS = (
    "rng",
    "derive",
    "determinism",
    "loader",
    "checkpoint",
    "run",
    "notebook",
    "tracing",
    "tracing_ops",
    "divergence",
    "verify",
    "lint",
    "importing",
)
