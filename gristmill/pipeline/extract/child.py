"""The sandboxed child: extracts one page after another until its input ends.

Started by ``sandbox.Sandbox`` as ``python -m gristmill.pipeline.extract.child PARENT MEMORY_MB``.
The pages are hostile: memory, CPU time and file size are limited, and a page that exceeds the CPU
limit kills this process (``SIGPROF``, default action), also in the middle of C code.

With ``GRISTMILL_SELFTEST=1`` in the environment the engine ``selftest`` misbehaves on demand; the
tests of the sandbox use it.
"""

import contextlib
import ctypes
import itertools
import logging
import os
import re
import resource
import signal
import sys
import time
from typing import Any, BinaryIO

from gristmill.pipeline.extract import selectors
from gristmill.pipeline.extract.decode import decode_html
from gristmill.pipeline.extract.engines import EXTRACTORS
from gristmill.pipeline.extract.frames import PREFIX, lengths, pack, unpack

_PR_SET_PDEATHSIG = 1
_MAX_FILE = 1 << 20
#: A longer ``data:`` URI is cut out: libxml2 refuses text nodes of 10 MB and loses the page.
_DATA_URI = 10_000
#: Two- and three-byte UTF-8 (U+0080 to U+00FF, U+2010 to U+203F) as windows-1252 shows it.
_MOJIBAKE = re.compile("[ÃÂ][\u0080-\u00bf]|â€")
_DATA_URI_END = re.compile(r"""["'\s<>)]""")

#: Half of its text is no main text, so that no engine gets by with another's.
CANARY = """<!DOCTYPE html><html><head><title>Mill</title></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/login">Log in</a></li>
<li><a href="/hours">Opening hours of the mill and the shop</a></li>
<li><a href="/way">How to find us, by train and on foot</a></li>
<li><a href="/prices">Prices of flour in sacks of ten and of twenty kilograms</a></li>
<li><a href="/old">Pictures of the old mill before the great flood</a></li></ul></nav>
<main><article><h1>The mill</h1>
<p>The water mill at the lower end of the valley has ground rye and barley for four centuries.</p>
<p>Its two stones turn slowly, and the miller listens to their sound to know the flour is fine.</p>
</article></main><footer>All rights reserved</footer></body></html>"""
CANARY_TEXT = (
    "has ground rye and barley for four centuries.",
    "listens to their sound to know the flour is fine.",
)


def main() -> None:
    """Serve requests from standard input until it ends."""
    parent, memory_mb = int(sys.argv[1]), int(sys.argv[2])
    _confine(parent, memory_mb)
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get among the replies
    logging.disable(logging.CRITICAL)
    _send(replies, {"status": "ready", "cpu": time.process_time()})
    for served in itertools.count():
        if (request := _receive(requests)) is None:
            break
        head, body = request
        reply, text = _warm(head) if head["op"] == "warm" else _serve(head, body)
        # To ask for the memory costs a tenth of a small page, and memory grows slowly.
        reply |= {"cpu": time.process_time(), "rss": _rss() if served % 32 == 0 else 0}
        _send(replies, reply, text)


def _confine(parent: int, memory_mb: int) -> None:
    """Die with the parent, and stay within limits."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the end of input must do
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_FSIZE, _MAX_FILE),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (OSError, ValueError):
            continue  # a lower hard limit is in force already
    # Not on every system, nor always allowed.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    prefix = stream.read(PREFIX)
    if len(prefix) < PREFIX:
        return None
    head, body = lengths(prefix)
    data = stream.read(head + body)
    return unpack(data, head) if len(data) == head + body else None


def _send(stream: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    stream.write(pack(head, body))
    stream.flush()


def _warm(head: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Import an engine and let it show on a known page that it works."""
    if head["engine"] == "selftest":
        return {"status": "ok"}, b""
    alone = {}
    try:
        if head["engine"] == "trafilatura":
            selectors.install()
            alone = {"compare": "none"}  # or another engine's text would hide that it fails
        text = EXTRACTORS[head["engine"]](CANARY, None, **alone) or ""
    except Exception as error:  # noqa: BLE001 (anything means a broken installation)
        return {"status": "broken", "detail": f"{type(error).__name__}: {error}"}, b""
    if not all(sentence in text for sentence in CANARY_TEXT):
        return {"status": "broken", "detail": f"the test page gave {text[:80]!r}"}, b""
    return {"status": "ok"}, b""


def _serve(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Extract one page under its CPU limit."""
    signal.setitimer(signal.ITIMER_PROF, head["limit"])
    try:
        return _extract(head, body)
    except MemoryError:
        return {"status": "extract_oom", "detail": "MemoryError"}, b""
    except RecursionError:
        return {"status": "extract_error", "detail": "RecursionError"}, b""
    except Exception as error:  # noqa: BLE001 (whatever the page provoked is the page's verdict)
        return {"status": "extract_error", "detail": type(error).__name__}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _extract(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    decoded = decode_html(body, head["content_type"])
    if decoded is None:
        return {"status": "undecodable"}, b""
    html, charset = decoded
    engine = _selftest if head["engine"] == "selftest" else EXTRACTORS[head["engine"]]
    text = engine(cut_data_uris(html), head["url"], **head["options"])
    if not text or not text.strip():
        return {"status": "extract_empty", "charset": charset}, b""
    out = text.replace("\x00", "").encode("utf-8", "replace")
    return {"status": "ok", "charset": charset, "mojibake": mojibake(text)}, out


def mojibake(text: str) -> int:
    """Count what a wrong charset leaves behind: U+FFFD, and UTF-8 read as windows-1252.

    >>> mojibake("cafÃ© â€“ caf\ufffd"), mojibake("café – SÃO")
    (3, 0)
    """
    if text.isascii():
        return 0
    return text.count("\ufffd") + len(_MOJIBAKE.findall(text))


def cut_data_uris(html: str) -> str:
    """Replace giant ``data:`` URIs by empty ones, in linear time."""
    parts, kept, at = [], 0, html.find("data:")
    while at >= 0:
        end = _DATA_URI_END.search(html, at)
        stop = end.start() if end else len(html)
        if stop - at > _DATA_URI:
            parts.append(html[kept:at] + "data:,")
            kept = stop
        at = html.find("data:", stop)
    return "".join([*parts, html[kept:]]) if parts else html


def _selftest(html: str, url: str | None = None, /, **options: str | bool) -> str | None:
    """Misbehave as told: for tests of the sandbox only."""
    del url
    if os.environ.get("GRISTMILL_SELFTEST") != "1":
        raise PermissionError("engine selftest needs GRISTMILL_SELFTEST=1")
    fault = options.get("fault")
    if fault == "spin":
        while True:
            pass
    if fault == "allocate":
        return str(len(bytearray(64 << 30)))
    if fault == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "raise":
        raise KeyError("selftest")
    if fault == "print":
        os.write(1, b"noise from a library\n")
    if fault == "environment":
        return "\n".join(sorted(os.environ))
    return html


def _rss() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
