"""One child process that extracts untrusted pages; killed and replaced when a page breaks it."""

import atexit
import os
import signal
import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from gristmill.errors import ShardError
from gristmill.pipeline.extract.process import Child, DeadChildError

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
_WARM_UP_CPU = 120.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one page."""

    status: str
    text: str | None = None
    charset: str | None = None
    cpu_seconds: float = 0.0
    detail: str = ""
    mojibake: int = 0


class Sandbox:
    """A persistent child process for extraction. Calls are serialised; use one a process.

    Args:
        memory_mb: address space of the child, in MiB.
    """

    def __init__(self, memory_mb: int = 2048) -> None:
        self.memory_mb = memory_mb
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._child: Child | None = None

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
        except DeadChildError as error:
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

    def _ready(self, engine: str) -> Child:
        """Return a living child that has proven the engine."""
        # The kernel ends a child with the thread that started it; that is no page's fault.
        if self._child is None or self._child.process.poll() is not None:
            self.close()
            self._child = Child(self.memory_mb)
        child = self._child
        if engine in child.proven:
            return child
        try:
            head, _ = child.ask({"op": "warm", "engine": engine}, b"", _WARM_UP_CPU)
        except DeadChildError as error:
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


def _verdict(error: DeadChildError) -> Reply:
    name = signal.Signals(-error.code).name if error.code < 0 else f"exit {error.code}"
    status = {"SIGPROF": "extract_timeout", "SIGKILL": "extract_oom"}
    return Reply(status.get(name, "extract_crash"), cpu_seconds=error.cpu, detail=name)


def shared_sandbox(memory_mb: int = 2048) -> Sandbox:
    """Return this process's sandbox; made at first use, ended at exit. Safe after a fork."""
    return _sandbox_of(os.getpid(), memory_mb)


@lru_cache(maxsize=4)
def _sandbox_of(pid: int, memory_mb: int) -> Sandbox:
    del pid
    sandbox = Sandbox(memory_mb)
    atexit.register(sandbox.close)
    return sandbox
