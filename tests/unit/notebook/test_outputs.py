"""What of outputs is compared."""

from __future__ import annotations

import pytest

from samerun.notebook.outputs import comparable


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def value(text, **more):
    return {"output_type": "execute_result", "execution_count": 3, "metadata": {}, "data": {"text/plain": text, **more}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([value("<object at 0x7f3a91b2c050>")], [value("<object at 0x7fffffffc0de>")]),
        ([stream("Wall time: 1.01 ms\n")], [stream("Wall time: 12 ms\n")]),
        ([stream("6.44 µs ± 20 ns per loop\n")], [stream("6.5 µs ± 3.1 ns per loop\n")]),
        ([stream("a\n"), stream("b\n")], [stream("a\nb\n")]),
        ([stream(["a\n", "b\n"])], [stream("a\nb\n")]),
        ([stream("  0%|  | 0/3\r", "stderr"), stream("a\n")], [stream("a\n")]),
        ([value("1", **{"application/vnd.jupyter.widget-view+json": {"model_id": "a"}})], [value("1")]),
        (
            [{"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["1"]}],
            [{"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["2"]}],
        ),
        ([value("1")], [{**value("1"), "execution_count": 9, "output_type": "display_data"}]),
        ([value("id 6ba7b810-9dad-11d1-80b4-00c04fd430c8")], [value("id 6ba7b811-9dad-11d1-80b4-00c04fd430c9")]),
    ],
)
def test_what_is_another_thing_at_every_run_is_not(first, second):
    assert comparable(first) == comparable(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([value("0.5")], [value("0.25")]),
        ([stream("loss 0.5\n")], [stream("loss 0.25\n")]),
        ([value("1")], []),
        ([value("1")], [stream("1")]),
        ([value("1", **{"image/png": "aaaa"})], [value("1", **{"image/png": "aaab"})]),
        ([value("0x1f")], [value("0x2f")]),
        (
            [{"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}],
            [{"output_type": "error", "ename": "E", "evalue": "f", "traceback": []}],
        ),
        ([stream("3 samples")], [stream("4 samples")]),
    ],
)
def test_results_are(first, second):
    assert comparable(first) != comparable(second)
