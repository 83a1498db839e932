"""What a file shows its writer to want, and the cures of the rules that ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from samerun.lint import File, Linter, lint_text
from samerun.lint.config import Config
from samerun.lint.fixing import fix
from samerun.lint.intent import seeds, sets_flag, uses_cuda
from samerun.lint.project import Project


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        (seeds, "import torch\ndef f():\n    torch.manual_seed(0)", True),
        (seeds, "import torch\ntorch.rand(1)", False),
        (seeds, "import numpy\nnumpy.random.seed(0)", False),
        (seeds, "import torch\ntorch.cuda.manual_seed_all(0)", True),
        (seeds, "from helper import prepare\ndef main():\n    prepare()", True),
        (seeds, "from helper import strict\nstrict()", False),
        (sets_flag, "import torch\ntorch.use_deterministic_algorithms(x)", True),
        (sets_flag, "import lightning\nlightning.Trainer(deterministic=True)", True),
        (sets_flag, "import lightning\nlightning.Trainer()", False),
        (sets_flag, "import torch\ntorch.manual_seed(0)", False),
        (sets_flag, "from helper import strict\ndef main():\n    strict()", True),
        (uses_cuda, "x.cuda()", True),
        (uses_cuda, "import torch\ntorch.cuda.is_available()", True),
        (uses_cuda, "x.to('cuda:0')", True),
        (uses_cuda, "x.to('cpu')\ncuda = 'cudart'", False),
    ],
)
def test_what_a_file_wants(tmp_path, question, text, expected):
    seeding = "def prepare():\n    torch.manual_seed(0)"
    flag = "def strict():\n    torch.use_deterministic_algorithms(True)"
    (tmp_path / "helper.py").write_text(f"import torch\n{seeding}\n{flag}\n")
    assert question(File.of(text.encode(), tmp_path / "main.py", Project())) is expected


@pytest.mark.parametrize(
    ("code", "before", "after", "safe"),
    [
        (
            "SR024",
            "torch.manual_seed(0)\ncudnn.benchmark = True",
            "torch.manual_seed(0)\ncudnn.benchmark = False",
            False,
        ),
        (
            "SR025",
            "cudnn.deterministic = True  # so",
            "cudnn.deterministic = True  # so\ncudnn.benchmark = False",
            True,
        ),
        (
            "SR026",
            "torch.use_deterministic_algorithms(True, warn_only=True)",
            "torch.use_deterministic_algorithms(True, warn_only=False)",
            False,
        ),
        ("SR026", "torch.set_deterministic_debug_mode(1)", 'torch.set_deterministic_debug_mode("error")', False),
        (
            "SR027",
            "os.putenv('CUBLAS_WORKSPACE_CONFIG', '1')",
            "os.putenv('CUBLAS_WORKSPACE_CONFIG', \":4096:8\")",
            False,
        ),
        ("SR031", "checkpoint(f, x, preserve_rng_state=False)", "checkpoint(f, x, preserve_rng_state=True)", False),
    ],
)
def test_cures(code, before, after, safe):
    start = "import os, torch\nfrom torch.backends import cudnn\nfrom torch.utils.checkpoint import checkpoint\n"
    linter = Linter((code,), pedantic=True)
    report = linter.bytes((start + before).encode(), Path("x.py"), None, Config())
    fixed = fix(report, linter, unsafe=True)
    assert fixed.after.decode() == start + after
    assert fixed.report.findings == ()
    assert (fix(report, linter).after.decode() == start + after) is safe


def test_pedantic_findings_need_a_word():
    assert not lint_text("from torch.backends import cudnn\ncudnn.deterministic = True", select=["SR025"]).findings
