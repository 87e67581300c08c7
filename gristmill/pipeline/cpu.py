"""CPU time of this process and of the children that work for it.

The operating system only adds a child's CPU time to its parent's account once the child is
reaped, so the sandbox reports what each call cost and the runner reads one clock.
"""

import time

_children = 0.0


def charge(seconds: float) -> None:
    """Add CPU seconds that a child process spent on our behalf."""
    global _children
    _children += seconds


def cpu_seconds() -> float:
    """Return CPU seconds spent by this process, its threads and its charged children."""
    return time.process_time() + _children
