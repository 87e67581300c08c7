"""CPU time of a command and of everything it starts, orphans included.

The operating system adds a child's CPU time to its parent's account when the parent reaps it. A
child whose parent dies first (a worker of a pool that is shut down, a fork server) would be lost
from the account, so this process declares itself the reaper of all its descendants (Linux,
``PR_SET_CHILD_SUBREAPER``) and adds up what ``wait4`` says until nobody is left.
"""

import ctypes
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_GRACE_SECONDS = 30.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
        cpu_seconds: user and system time of all its processes.
        wall_seconds: until the command itself ended.
        peak_mb: resident memory of its largest process.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


def metered(command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path) -> Usage:
    """Run a command to its end, its output into a file.

    Raises:
        SystemExit: it failed; with the end of its output.
    """
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise SystemExit("this benchmark needs Linux: it must inherit orphaned processes")
    begun = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(env), cwd=cwd)
    try:
        return _account(process, begun, log)
    finally:
        _kill_rest()  # there is a rest only where something went wrong or was interrupted


def _account(process: subprocess.Popen[bytes], begun: float, log: Path) -> Usage:
    cpu, peak, ended = 0.0, 0, 0.0
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            if ended and time.monotonic() > ended + _GRACE_SECONDS:
                _kill_rest()
            time.sleep(_POLL_SECONDS)
            continue
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss)
        if pid == process.pid:
            ended = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        told = "\n".join(log.read_text("utf-8", "replace").splitlines()[-20:])
        raise SystemExit(f"{' '.join(process.args)}\nended with exit {process.returncode}:\n{told}")
    return Usage(cpu, ended - begun, peak / 1024)


def _kill_rest() -> None:
    """End what the command left running."""
    for child in psutil.Process().children(recursive=True):
        child.kill()
