"""What the README shows of ``samerun diff`` and ``samerun explain`` is what they print."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exhibits import GALLERY

ROOT = GALLERY.parents[1]
PAGES = ("README.md", "README.ja.md")


def samerun(*args: str, folder: Path, code: int) -> str:
    """Run a verb as in a terminal of 100 columns, and return what it printed, without spaces at the ends of lines."""
    source = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": source, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "samerun", *args],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


@pytest.mark.gallery
@pytest.mark.timeout(900)
def test_the_readmes_show_what_is_printed(tmp_path):
    shutil.copy(GALLERY / "plot_between_epochs" / "train.py", tmp_path)
    for path, *more in (["A.trace"], ["B.trace", "--plot"]):
        samerun("trace", "-o", path, "--", "python", "train.py", *more, folder=tmp_path, code=0)
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    for verb in ("diff", "explain"):
        printed = samerun(verb, "A.trace", "B.trace", folder=tmp_path, code=1)
        assert [page for page, text in zip(PAGES, pages, strict=True) if f"```text\n{printed}\n```" not in text] == []
