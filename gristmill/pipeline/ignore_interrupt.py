"""A preload of local workers: Ctrl-C is the driver's to answer.

A terminal sends SIGINT to every process of the command. The driver ends its workers in order; a
worker that answered too would print a traceback each, and the children of its tasks would die by
it. They inherit that it is ignored.
"""

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Ignore SIGINT; Dask calls this in the main thread of a worker that starts."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
