"""Ctrl-C reaches every process of a terminal; local workers leave it to the driver."""

import os
import signal
from typing import Any

import pytest

from gristmill.pipeline.interrupts import deferred


def _interrupted(dask_worker: Any) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    return os.getpid()


def _child_ignores() -> bool:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("SigIgn"))
    return bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1)


def test_a_worker_outlives_an_interrupt(dask_runner: Any) -> None:
    before = dask_runner.client.run(_interrupted)
    assert len(set(before.values())) == 2
    assert dask_runner.client.run(os.getpid) == before


def test_its_tasks_and_their_children_do_not_see_it(dask_runner: Any) -> None:
    assert all(dask_runner.client.run(_child_ignores).values())


def test_an_interrupt_is_raised_after_the_block() -> None:
    reached = []

    def block() -> None:
        with deferred():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(True)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        block()
    assert reached
    assert signal.getsignal(signal.SIGINT) is before


def test_without_one_nothing_is_raised_and_errors_pass() -> None:
    with deferred():
        pass
    with pytest.raises(ValueError, match="mine"):
        with deferred():
            raise ValueError("mine")
