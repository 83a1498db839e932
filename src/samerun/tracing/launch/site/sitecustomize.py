"""What Python runs before a script that is traced: the ``sitecustomize`` that was there before, then the recorder's."""

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

# Scripts see the path they would see without this.
_here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # pathlib takes a tenth of the start
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _here]  # noqa: PTH100  # the same

_found = PathFinder.find_spec("sitecustomize", sys.path)
if _found is not None and _found.loader is not None:
    sys.modules["sitecustomize"] = _module = module_from_spec(_found)
    _found.loader.exec_module(_module)

for _name in os.environ.get("SAMERUN_ARMED", "").split():
    try:
        _armed = import_module(_name)
    except ImportError:  # run from a folder of its own
        sys.path.append(os.environ["SAMERUN_TRACE_FROM"])
        _armed = import_module(_name)
    _armed.arm()
