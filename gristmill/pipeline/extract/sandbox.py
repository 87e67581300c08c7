"""One child process that extracts untrusted pages; killed and replaced when a page breaks it."""

import atexit
import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from gristmill.errors import ShardError
from gristmill.pipeline.cpu import charge
from gristmill.pipeline.extract.frames import PREFIX, lengths, pack, unpack

#: Statuses of a page that may depend on the machine.
MACHINE_STATUSES = ("extract_timeout", "extract_oom", "extract_crash")
#: Every status a call can give.
STATUSES = ("ok", "extract_empty", *MACHINE_STATUSES, "extract_error", "undecodable")

#: A child is replaced after so many pages, or when it has grown so large (bytes): libxml2 and
#: trafilatura's caches grow slowly.
MAX_PAGES = 20_000
MAX_RSS = 1 << 30
#: A page that exceeds its CPU limit gets this many times as much, once, in a fresh child.
RETRY_FACTOR = 3
#: Wall-clock seconds that mean a stuck machine: these plus as many for each CPU second allowed.
_WALL, _WALL_PER_CPU = 120.0, 30.0
_WARM_UP_CPU = 120.0
#: Bytes of a pipe: what Linux allows everyone.
_PIPE = 1 << 20
_KEEP = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one page."""

    status: str
    text: str | None = None
    charset: str | None = None
    cpu_seconds: float = 0.0
    detail: str = ""
    mojibake: int = 0


class _DeadChildError(Exception):
    """The child ended instead of answering. ``code`` as in ``Popen.returncode``."""

    def __init__(self, code: int, cpu: float) -> None:
        super().__init__(code)
        self.code, self.cpu = code, cpu


class Sandbox:
    """A persistent child process for extraction. Calls are serialised; use one a process.

    Args:
        memory_mb: address space of the child, in MiB.
    """

    def __init__(self, memory_mb: int = 2048) -> None:
        self.memory_mb = memory_mb
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child, if there is one."""
        return self._child.process.pid if self._child else None

    def call(
        self,
        engine: str,
        html: bytes,
        url: str | None = None,
        content_type: str | None = None,
        options: dict[str, Any] | None = None,
        cpu_seconds: float = 10.0,
    ) -> Reply:
        """Extract one page.

        Args:
            engine: a name of ``EXTRACTORS``.
            html: the page as sent.
            url: its address.
            content_type: its HTTP header, for the charset.
            options: of the engine.
            cpu_seconds: limit. A page that exceeds it, runs out of memory or ends the child is
                tried once more in a fresh child, with three times the limit.

        Raises:
            ShardError: the child cannot be started, or fails on a page known to be good.
        """
        request = {
            "op": "extract",
            "engine": engine,
            "url": url,
            "content_type": content_type,
            "options": options or {},
        }
        with self._lock:
            reply = self._try(request, html, cpu_seconds)
            if reply.status in MACHINE_STATUSES:
                # Perhaps the fault of earlier pages, or of the machine: judge it by itself.
                self.close()
                again = self._try(request, html, RETRY_FACTOR * cpu_seconds)
                reply = replace(again, cpu_seconds=reply.cpu_seconds + again.cpu_seconds)
        return reply

    def close(self) -> None:
        """End the child."""
        if self._child is not None and self._owner == os.getpid():
            self._child.end()
        self._child = None

    def _try(self, request: dict[str, Any], html: bytes, limit: float) -> Reply:
        child = self._ready(request["engine"])
        try:
            head, body = child.ask(request | {"limit": limit}, html, limit)
        except _DeadChildError as error:
            self.close()
            return _verdict(error)
        if head["status"] == "extract_oom" or child.pages >= MAX_PAGES or head["rss"] > MAX_RSS:
            self.close()
        return Reply(
            head["status"],
            body.decode() if head["status"] == "ok" else None,
            head.get("charset"),
            head["spent"],
            head.get("detail", ""),
            head.get("mojibake", 0),
        )

    def _ready(self, engine: str) -> "_Child":
        """Return a living child that has proven the engine."""
        # The kernel ends a child with the thread that started it; that is no page's fault.
        if self._child is None or self._child.process.poll() is not None:
            self.close()
            self._child = _Child(self.memory_mb)
        child = self._child
        if engine in child.proven:
            return child
        try:
            head, _ = child.ask({"op": "warm", "engine": engine}, b"", _WARM_UP_CPU)
        except _DeadChildError as error:
            self.close()
            raise ShardError(
                f"extract: engine {engine} dies on the test page (exit {error.code}); "
                "mend the installation, or raise memory_mb"
            ) from error
        if head["status"] != "ok":
            self.close()
            raise ShardError(
                f"extract: engine {engine} fails on the test page ({head['detail']}); "
                "the installation is broken (pip check shows how), or memory_mb is too small"
            )
        child.proven.add(engine)
        return child


def _verdict(error: _DeadChildError) -> Reply:
    name = signal.Signals(-error.code).name if error.code < 0 else f"exit {error.code}"
    status = {"SIGPROF": "extract_timeout", "SIGKILL": "extract_oom"}
    return Reply(status.get(name, "extract_crash"), cpu_seconds=error.cpu, detail=name)


class _Child:
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
        except _DeadChildError as error:
            raise ShardError(
                f"extract: the sandbox child cannot start (exit {error.code}: {self._last_words}); "
                "mend the installation, or raise memory_mb"
            ) from error

    def ask(
        self, request: dict[str, Any], body: bytes, cpu_limit: float
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer, with the CPU seconds it took as ``spent``."""
        self.pages += 1
        return self._exchange(pack(request, body), _WALL + _WALL_PER_CPU * cpu_limit)

    def _exchange(self, data: bytes, wall: float) -> tuple[dict[str, Any], bytes]:
        """Write all of ``data``, read one message."""
        deadline = time.monotonic() + wall
        out, got, want = self._write(memoryview(data)), bytearray(), PREFIX
        while len(got) < want:
            self._poll.modify(self._in, select.POLLOUT if out else 0)
            ready = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                raise _DeadChildError(-signal.SIGPROF, self.end())
            if out:
                out = self._write(out)
            part = self._out.read(_PIPE)
            if part == b"":
                cpu = self.end()
                raise _DeadChildError(self.process.returncode, cpu)
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


def shared_sandbox(memory_mb: int = 2048) -> Sandbox:
    """Return this process's sandbox; made at first use, ended at exit. Safe after a fork."""
    return _sandbox_of(os.getpid(), memory_mb)


@lru_cache(maxsize=4)
def _sandbox_of(pid: int, memory_mb: int) -> Sandbox:
    del pid
    sandbox = Sandbox(memory_mb)
    atexit.register(sandbox.close)
    return sandbox
