"""The IPython extension ``%load_ext samerun``: cells that keep their randomness apart, and a journal of what they drew.

IPython is imported by the parts that run inside it, never here.
"""

from samerun.notebook.extension import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
