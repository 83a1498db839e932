"""Ratios against what a user would pick instead; `python -m benchmarks` prints one table."""
