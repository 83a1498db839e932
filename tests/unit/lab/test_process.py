from __future__ import annotations

import json
import math
import os
import sys

import pytest

from samerun.errors import ProcessError
from samerun.lab.process import fresh, side_by_side


def test_a_function_runs_in_another_process():
    assert fresh(os.getpid) != os.getpid()


def test_numbers_come_back_with_every_bit():
    numbers = [0.1, 1e-320, -0.0, 1 / 3]
    assert fresh(math.fsum, numbers[:2]) == 0.1
    assert [math.copysign(1, fresh(math.copysign, 0, -0.0)), fresh(math.cbrt, 1 / 3)] == [-1.0, math.cbrt(1 / 3)]


def test_environment_variables_are_those_of_this_process_and_those_that_are_given(monkeypatch):
    monkeypatch.setenv("SAMERUN_TEST", "here")
    assert fresh(os.getenv, "SAMERUN_TEST") == "here"
    assert fresh(os.getenv, "SAMERUN_TEST", SAMERUN_TEST="there") == "there"
    assert fresh(os.getenv, "OMP_NUM_THREADS") == "1"
    assert fresh(os.getenv, "OMP_NUM_THREADS", OMP_NUM_THREADS="2") == "2"


def test_results_come_in_the_order_of_the_calls():
    assert side_by_side(math.factorial, [(number,) for number in range(5)]) == [1, 1, 2, 6, 24]


@pytest.mark.parametrize("call", [fresh, lambda function, argument: side_by_side(function, [(argument,)])])
def test_a_process_that_fails_is_reported_with_what_it_printed(call):
    with pytest.raises(ProcessError, match=r"(?s)'json:loads' ended with code 1:.*JSONDecodeError") as caught:
        call(json.loads, "{")
    assert caught.value.code == 1


def test_an_exit_code_is_kept():
    with pytest.raises(ProcessError, match="'sys:exit' ended with code 7"):
        fresh(sys.exit, 7)
