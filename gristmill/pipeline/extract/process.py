"""The child process of a sandbox: its pipes, its limits seen from outside, its CPU time."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any, cast

from gristmill.errors import ShardError
from gristmill.pipeline.cpu import charge
from gristmill.pipeline.extract.frames import PREFIX, lengths, pack, unpack

#: Wall-clock seconds that mean a stuck machine: these plus as many for each CPU second allowed.
_WALL, _WALL_PER_CPU = 120.0, 30.0
#: Bytes of a pipe: what Linux allows everyone.
_PIPE = 1 << 20
_KEEP = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class DeadChildError(Exception):
    """The child ended instead of answering. ``code`` as in ``Popen.returncode``."""

    def __init__(self, code: int, cpu: float) -> None:
        super().__init__(code)
        self.code, self.cpu = code, cpu


class Child:
    """The process, its pipes and its account of CPU time."""

    def __init__(self, memory_mb: int) -> None:
        self.proven: set[str] = set()
        self.pages = 0
        self._cpu = 0.0
        self._last_words = ""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in end)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "gristmill.pipeline.extract.child"),
                *(str(os.getpid()), str(memory_mb)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            bufsize=0,
        )
        self._in = cast(IO[bytes], self.process.stdin)
        self._out = cast(IO[bytes], self.process.stdout)
        _widen(self._in)
        _widen(self._out)
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        self._poll = select.poll()
        self._poll.register(self._in, 0)
        self._poll.register(self._out, select.POLLIN)
        try:
            self._exchange(b"", _WALL)
        except DeadChildError as error:
            raise ShardError(
                f"extract: the sandbox child cannot start (exit {error.code}: {self._last_words}); "
                "mend the installation, or raise memory_mb"
            ) from error

    def ask(
        self, request: dict[str, Any], body: bytes, cpu_limit: float
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer, with the CPU seconds it took as ``spent``."""
        self.pages += 1
        try:
            return self._exchange(pack(request, body), _WALL + _WALL_PER_CPU * cpu_limit)
        except DeadChildError:
            raise
        except BaseException:
            # An unread reply would be taken for the next page's.
            self.end()
            raise

    def _exchange(self, data: bytes, wall: float) -> tuple[dict[str, Any], bytes]:
        """Write all of ``data``, read one message."""
        deadline = time.monotonic() + wall
        out, got, want = self._write(memoryview(data)), bytearray(), PREFIX
        while len(got) < want:
            self._poll.modify(self._in, select.POLLOUT if out else 0)
            ready = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                raise DeadChildError(-signal.SIGPROF, self.end())
            if out:
                out = self._write(out)
            part = self._out.read(_PIPE)
            if part == b"":
                cpu = self.end()
                raise DeadChildError(self.process.returncode, cpu)
            got += part or b""
            if want == PREFIX and len(got) >= PREFIX:
                want += sum(lengths(bytes(got[:PREFIX])))
        answer, rest = unpack(bytes(got[PREFIX:]), lengths(bytes(got[:PREFIX]))[0])
        answer["spent"] = self._account(answer["cpu"])
        return answer, rest

    def _write(self, data: memoryview) -> memoryview:
        try:
            return data[self._in.write(data) or 0 :] if data else data
        except BrokenPipeError:
            return data[:0]  # the end of its output tells that it is dead

    def _account(self, total: float) -> float:
        """Charge CPU time that is new since the last call."""
        spent = max(0.0, total - self._cpu)
        self._cpu = max(self._cpu, total)
        charge(spent)
        return spent

    def end(self) -> float:
        """Kill and reap the child; return the CPU seconds of its last page."""
        spent = 0.0
        if self.process.returncode is None:
            # To a child that is already dying this changes nothing: its exit status is fixed.
            os.kill(self.process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            spent = self._account(usage.ru_utime + usage.ru_stime)
        if not self._errors.closed:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").split("\n")
            self._last_words = next((line[:200] for line in reversed(lines) if line.strip()), "")
        for pipe in (self._in, self._out, self._errors):
            pipe.close()
        return spent


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold a whole page, so that parent and child change places once, not ten times."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux, or not allowed: only slower
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _environment() -> dict[str, str]:
    """Return the child's environment: nothing that could be a credential."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEEP or name.startswith(("GRISTMILL_", "PYTHON"))
    }
    root = str(Path(__file__).parents[3])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
    }
