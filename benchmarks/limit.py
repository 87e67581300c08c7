"""The limit: gunzip WARC files and parse each HTML response, nothing else.

Reads whole files, walks the gzip members (one record each, as Common Crawl writes them), splits
the headers off and gives the body, decoded as UTF-8, to resiliparse's lexbor parser. Prints JSON:
CPU seconds of gunzip alone and of gunzip with parsing, and how many responses there were. CPU time
is this process's own, taken around the loops, so imports are not in it.

    python benchmarks/limit.py FILE.warc.gz …
"""

import json
import re
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from resiliparse.parse.html import HTMLTree

_CHUNK = 1 << 16
_GZIP = 31
_RESPONSE = re.compile(rb"^WARC-Type:\s*response\s*$", re.IGNORECASE | re.MULTILINE)
_HTML = re.compile(
    rb"^(WARC-Identified-Payload-Type|Content-Type):\s*(text/html|application/xhtml)",
    re.IGNORECASE | re.MULTILINE,
)


def main(paths: list[Path]) -> None:
    begun = time.process_time()
    size = sum(len(record) for path in paths for record in members(path))
    gunzip = time.process_time() - begun
    responses = html = 0
    begun = time.process_time()
    for path in paths:
        for record in members(path):
            head, _, block = record.partition(b"\r\n\r\n")
            if not _RESPONSE.search(head):
                continue
            responses += 1
            http, _, body = block.partition(b"\r\n\r\n")
            if _HTML.search(head) or _HTML.search(http):
                html += 1
                HTMLTree.parse(body.decode("utf-8", "replace"))
    parse = time.process_time() - begun
    print(
        json.dumps(
            {
                "gunzip_cpu": gunzip,
                "parse_cpu": parse,
                "responses": responses,
                "html": html,
                "bytes": size,
            }
        )
    )


def members(path: Path) -> Iterator[bytes]:
    """Yield the content of each gzip member of a file."""
    data = memoryview(path.read_bytes())
    at = 0
    while at < len(data):
        engine = zlib.decompressobj(_GZIP)
        parts = []
        while not engine.eof and at < len(data):
            chunk = data[at : at + _CHUNK]
            parts.append(engine.decompress(chunk))
            at += len(chunk)
        at -= len(engine.unused_data)
        yield b"".join(parts)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
