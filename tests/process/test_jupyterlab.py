"""The extension in a JupyterLab page, as a person sees it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium was found; install it to look at the page"),
    # The browser's driver is closed by the time these are noticed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

CELLS = [
    "import random, numpy as np, torch, samerun\n%load_ext samerun\nsamerun.seed_everything(42);",
    "%rng journal --file",
    "# samerun: train\nfor epoch in range(3): torch.rand(2000)",
    "%%isolate\nprint('first', random.random())\nnp.random.rand(300);",
    "print('second', random.random())",
    "import asyncio\nawait asyncio.sleep(0)\nnp.random.rand(40);",
    "%rng rewind In[5]",
    "print('third', random.random())",
    "%rng journal",
    "%rng",
]


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """Start JupyterLab in a folder; give its address."""
    source = Path(__file__).parents[2] / "src"
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    home = folder / "home"
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython", "JUPYTER_DATA_DIR": "data"}
    environment = {name: str(home / place) for name, place in places.items()}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
    command += ["--IdentityProvider.token=secret", f"--ServerApp.root_dir={folder}"]
    with (folder / "lab.log").open("w") as log:
        environment = {**os.environ, **environment, "PYTHONPATH": path}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            yield _address(home / "runtime", server, folder / "lab.log")
        finally:
            server.terminate()
            server.wait(30)


def _address(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(1200):
        for file in runtime.glob("jpserver-*.json"):
            return str(json.loads(file.read_text())["url"])
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)  # the server says by a file that it is there
    raise TimeoutError(log.read_text())


def test_a_notebook_in_a_page(tmp_path):
    from playwright.sync_api import sync_playwright

    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / "work.ipynb")
    with lab(tmp_path) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1400})
        page.goto(f"{address}lab/tree/work.ipynb?token=secret")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
        page.locator(".lm-MenuBar-item", has_text="Run").click()
        page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()
        tables = page.locator(".jp-OutputArea-output .samerun table")
        tables.nth(1).wait_for(timeout=180_000)
        journal, sources = (tables.nth(place).inner_text() for place in (0, 1))
        text = page.locator(".jp-Notebook").inner_text()
        bars = page.locator(".samerun .bar").count()
        if folder := os.environ.get("SAMERUN_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / "jupyterlab.png")
            (Path(folder) / "page.txt").write_text(text)
        browser.close()
    first, second, third = (text.split(name)[-1].split()[0] for name in ("first ", "second ", "third "))
    assert first == second == third
    assert "put back" in journal
    assert "6,000" in journal
    assert "rewound to before In[5]" in journal
    assert "since seed 42" in sources
    assert bars >= 5
    assert (tmp_path / "work.rng-journal").is_file()
