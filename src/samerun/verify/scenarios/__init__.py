"""The scenarios; one module each, with a ``SCENARIO``."""
