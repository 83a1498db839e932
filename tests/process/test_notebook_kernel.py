"""The extension in a real kernel: interrupts, restarts, two kernels, autoreload, awaiting cells."""

from __future__ import annotations

import pytest

from kernels import kernel

BEGIN = "import random, numpy as np, torch, samerun\n%load_ext samerun\nsamerun.seed_everything(42);"
DRAW = "random.random(), float(np.random.rand()), torch.rand(1).item()"
WAITS = ["import time; time.sleep(60)", "import asyncio; await asyncio.sleep(60)"]


def test_everything_once_through_a_kernel_and_its_restart(tmp_path):
    with kernel(tmp_path, JPY_SESSION_NAME=str(tmp_path / "work.ipynb")) as cell:
        cell.values(BEGIN, "%rng journal --file")  # In[2]
        isolated, first = cell.values(f"%%isolate\n{DRAW}", DRAW)  # In[3], In[4]
        assert isolated == first
        (trained,) = cell.values(f"%%stream train\n{DRAW}")  # In[5]
        for wait in WAITS:
            answer = cell(f"%%isolate\nrandom.random(); print('go', flush=True)\n{wait}", interrupt=True)
            assert (answer.status, answer.error.partition(":")[0] in ("KeyboardInterrupt", "CancelledError")) == (
                "error",
                True,
            )
        (second,) = cell.values(DRAW)  # In[8]
        _, again = cell.values("%rng rewind In[4]", DRAW)
        assert again == first
        assert cell.values(DRAW) == [second]
        answer = cell("%rng journal")
        assert "put back" in answer.value
        assert 'class="bar"' in answer.html

        cell.restart()
        cell.values("import random, numpy as np, torch\n%load_ext samerun")
        assert "earlier cells were found" in cell("%rng journal --file").stdout
        _, again = cell.values("%rng rewind #7", DRAW)  # In[8], the ninth of its kernel that the journal has
        assert again == second
        _, again = cell.values("%rng rewind #4", f"# samerun: train\n{DRAW}")
        assert again == trained
        assert (tmp_path / "work.rng-journal").is_file()

        with kernel(tmp_path) as other:
            other.values(BEGIN)
            answer = other(f"%rng journal --file {tmp_path / 'work.rng-journal'}")
            assert answer.status == "error"
            assert "another kernel keeps its journal there" in answer.error
            assert other.values(DRAW) == [first]


@pytest.mark.slow
def test_an_interrupted_stream_goes_on_where_it_stopped(tmp_path):
    with kernel(tmp_path) as cell:
        cell.values(BEGIN)
        expected = cell.values(
            "%%isolate\nwith samerun.Stream(0, name='train'): x = [random.random() for _ in range(3)]\nx"
        )
        found = []
        for wait in WAITS:
            answer = cell(f"%%stream train\nprint(random.random()); print('go', flush=True)\n{wait}", interrupt=True)
            assert answer.status == "error"
            found.append(answer.stdout.split()[0])
        found += cell.values("%%stream train\nrandom.random()")
        assert [f"[{', '.join(found)}]"] == expected


@pytest.mark.slow
def test_a_strict_guard_stops_run_all(tmp_path):
    with kernel(tmp_path) as cell:
        cell.values(BEGIN, "%rng guard train --error")
        answer = cell(DRAW)
        assert answer.status == "error"
        assert answer.error.startswith("NotebookError: In[3]: drew from")
        assert cell(f"# samerun: train\n{DRAW}").status == "ok"


@pytest.mark.slow
def test_modules_that_are_loaded_again(tmp_path):
    module = tmp_path / "helper.py"
    module.write_text("import random\ndef draw(): return random.random()\n")
    with kernel(tmp_path) as cell:
        cell.values(BEGIN, "%load_ext autoreload\n%autoreload 2", "import helper")
        isolated, drawn = cell.values("%%isolate\nhelper.draw()", "helper.draw()")
        assert isolated == drawn
        module.write_text("import random\nrandom.random()\ndef draw(): return 'new', random.random()\n")
        (new,) = cell.values("%%isolate\nhelper.draw()")
        assert new.startswith("('new'")
        assert "2" in cell("%rng journal").value.splitlines()[-2]
        cell.values("%unload_ext samerun", "helper.draw()")


@pytest.mark.slow
def test_notebooks_and_scripts_that_a_cell_runs(tmp_path):
    import nbformat

    cells = [nbformat.v4.new_code_cell(source) for source in (f"%%isolate\nprint(({DRAW}))", f"print(({DRAW}))")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "other.ipynb")
    (tmp_path / "other.py").write_text(f"import random, torch, numpy as np\nprint(({DRAW}))\n")
    with kernel(tmp_path) as cell:
        cell.values(BEGIN)
        expected = cell.values(f"%%isolate\n{DRAW}")
        isolated, drawn = cell("%run other.ipynb").stdout.splitlines()
        assert isolated == drawn == expected[0]
        (second,) = cell.values(f"%%isolate\n{DRAW}")
        assert cell("%%isolate\n%run other.py").stdout.strip() == second
        assert cell("%run other.py").stdout.strip() == second


@pytest.mark.slow
def test_a_task_that_goes_on_between_cells_is_blamed_on_none(tmp_path):
    with kernel(tmp_path) as cell:
        cell.values(
            BEGIN,
            "import asyncio\nready = asyncio.Event()\nasync def later():\n    await ready.wait(); random.random()",
            "task = asyncio.create_task(later())",
            "ready.set()",
        )
        cell.values("await task")
        lines = cell("%rng journal").value.splitlines()
        assert any("python" in line for line in lines[:2])
