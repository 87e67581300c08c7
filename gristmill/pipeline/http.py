"""HTTP responses as crawlers store them: wrong labels are normal, so decoding is lenient.

Everything is capped, so that a few kilobytes can't become gigabytes.
"""

import re
import zlib
from collections import Counter
from dataclasses import dataclass

from gristmill.pipeline.records import parse_headers

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b", re.IGNORECASE)
_HEADER_BYTES = 1 << 20
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[^\r\n]{0,1024}\r?\n")

#: Types that are documents. Everything else is no HTML, whatever it contains.
_HTML_TYPES = ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
#: Types that say nothing: the next witness is asked.
_VAGUE_TYPES = ("", "unk", "unknown", "unknown/unknown", "application/octet-stream", "*/*", "none")
#: First bytes of other formats, often served as text/html.
_FOREIGN = (
    b"GIF8",
    b"%PDF",
    b"%!PS",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"RIFF",
    b"OggS",
    b"ID3",
    b"\x1f\x8b",
    b"{\\rtf",
    b"wOFF",
    b"wOF2",
    b"\x7fELF",
    b"Rar!",
    b"\xd0\xcf\x11\xe0",
)
_JSON = re.compile(rb'\s*(?:\{\s*"[^"]{0,200}"\s*:|\[\s*[\[{"])')
#: Tags by which the WHATWG's MIME sniffing standard (section 7.1) knows HTML.
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|!--|(?:html|head|script|"
    rb"iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>/])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Response:
    """A parsed response. ``body`` is as sent."""

    status: int
    headers: dict[str, str]
    body: bytes


def parse_response(block: bytes) -> Response | None:
    """Split a response into status, headers and body; None where there is no status line."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end, body = len(block), len(block)
    for mark in (b"\r\n\r\n", b"\n\n"):
        at = block.find(mark, 0, min(end + len(mark), _HEADER_BYTES))
        if 0 <= at < end:
            end, body = at, at + len(mark)
    headers = parse_headers(block[:end].splitlines()[1:])
    return Response(int(status[1]), headers, block[body:])


class UndecodableError(Exception):
    """The content encoding cannot be undone."""


class TooLargeError(Exception):
    """The decoded body is larger than the cap."""


def decode_body(response: Response, cap: int, flags: Counter[str]) -> bytes:
    """Undo transfer and content encodings, leniently.

    A label that does not fit the bytes is counted in ``flags`` and ignored; a coded body that
    breaks off gives what could be decoded.

    Raises:
        UndecodableError: no decoder for it, or nothing could be decoded.
        TooLargeError: more than ``cap`` bytes.
    """
    body = response.body
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        body = _dechunk(body, flags)
    codings = response.headers.get("content-encoding", "").lower().split(",")
    for coding in reversed([c.strip() for c in codings][:5]):
        if not body:
            break
        if coding in ("gzip", "x-gzip"):
            body = _gunzip(body, cap, flags)
        elif coding == "deflate":
            body = _inflate(body, cap, flags)
        elif coding == "br":
            body = _unbrotli(body, cap)
        elif coding in ("zstd", "compress", "x-compress", "dcb", "dcz"):
            raise UndecodableError(coding)
        elif coding not in ("", "identity"):
            flags["content_encoding:unknown"] += 1
    if len(body) > cap:
        raise TooLargeError
    return body


def is_html(identified: str, content_type: str, body: bytes) -> bool:
    """Say whether a body is HTML: by the crawler's finding, else the label, else its first bytes.

    Bytes that are plainly another format win over any label.
    """
    head = body[:1024]
    start = head.lstrip()
    if start.startswith(_FOREIGN) or (start[:1] in (b"{", b"[") and _JSON.match(start)):
        return False
    for label in (identified, content_type):
        kind = label.partition(";")[0].strip().lower()
        if kind not in _VAGUE_TYPES:
            return kind in _HTML_TYPES
    return _HTML_START.match(head) is not None


def _dechunk(body: bytes, flags: Counter[str]) -> bytes:
    """Join chunks; a body that is not chunked at all is returned as it is."""
    parts, at = [], 0
    while at < len(body):
        size = _CHUNK_SIZE.match(body, at)
        if size is None:
            break
        length = int(size[1], 16)
        part = body[size.end() : size.end() + length]
        parts.append(part)
        if length == 0:
            return b"".join(parts)
        at = size.end() + length
        at += 2 if body.startswith(b"\r\n", at) else body.startswith(b"\n", at)
    if not parts:
        flags["transfer_encoding:wrong"] += bool(body)
        return body
    flags["transfer_encoding:cut"] += 1
    return b"".join(parts)


def _gunzip(body: bytes, cap: int, flags: Counter[str]) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        flags["content_encoding:wrong"] += 1
        return body
    return _partly(zlib.decompressobj(31), body, cap, flags)


def _inflate(body: bytes, cap: int, flags: Counter[str]) -> bytes:
    """Undo ``deflate``, which means zlib (RFC 9110, 8.4.1.2) and is often sent raw."""
    for bits in (15, -15):
        try:
            zlib.decompressobj(bits).decompress(body[:4096], 1)
        except zlib.error:
            continue
        return _partly(zlib.decompressobj(bits), body, cap, flags)
    flags["content_encoding:wrong"] += 1
    return body


def _partly(inflate: "zlib._Decompress", body: bytes, cap: int, flags: Counter[str]) -> bytes:
    """Decompress as far as it goes."""
    out = bytearray()
    try:
        for at in range(0, len(body), 1 << 14):
            out += inflate.decompress(body[at : at + (1 << 14)], cap + 1 - len(out))
            if len(out) > cap:
                raise TooLargeError
            if inflate.eof:
                return bytes(out)
    except zlib.error as error:
        if not out:
            raise UndecodableError(str(error)) from error
    flags["content_encoding:cut"] += 1
    return bytes(out)


def _unbrotli(body: bytes, cap: int) -> bytes:
    """Undo Brotli, with a cap.

    Raises:
        UndecodableError: the module is missing or the bytes are no Brotli.
    """
    try:
        import brotli  # type: ignore[import-untyped]
    except ImportError as error:
        raise UndecodableError("br") from error
    inflate, out = brotli.Decompressor(), bytearray()
    try:
        part = inflate.process(body, output_buffer_limit=1 << 20)
        while part:
            out += part
            if len(out) > cap:
                raise TooLargeError
            part = (
                b"" if inflate.is_finished() else inflate.process(b"", output_buffer_limit=1 << 20)
            )
    except brotli.error as error:
        raise UndecodableError(str(error)) from error
    if not out:
        raise UndecodableError("br")
    return bytes(out)
