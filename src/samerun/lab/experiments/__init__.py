"""One module or package for each experiment; each has an ``EXPERIMENT``."""
