"""The same files in two folders, made in two orders."""

from pathlib import Path

import numpy as np

for side, step in (("a", 1), ("b", -1)):
    folder = Path(side, "signals")
    folder.mkdir()
    for number in range(12)[::step]:
        np.save(folder / f"{number:02}.npy", np.linspace(number, number + 1, 6, dtype=np.float32))
