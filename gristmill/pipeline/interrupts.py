"""Ctrl-C is the driver's to answer, and not while it starts a cluster.

A terminal sends SIGINT to every process of the command. The driver ends its workers in order; a
worker that answered too would print a traceback each, and the children of its tasks would die by
it. This module is a preload of local workers: they ignore it, and their children inherit that.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def dask_setup(worker: Any) -> None:
    """Ignore SIGINT; Dask calls this in the main thread of a worker that starts."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def deferred() -> Iterator[None]:
    """Hold SIGINT back for the length of the block, and raise it after.

    A cluster that is closed half started says so with a traceback of Dask's.

    Raises:
        KeyboardInterrupt: it came meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's arguments
        nonlocal came
        came = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
