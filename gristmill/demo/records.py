"""Captures as WARC records with fixed dates and ids, one gzip member each."""

import uuid
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO

from gristmill.demo.model import Capture

_START = datetime(2026, 2, 1, 8, 0, 0, tzinfo=UTC)
_FLIP = slice(40, 56)  # bytes of the member to damage: past the gzip header, inside the data


class RecordWriter:
    """Writes one WARC file. Nothing in it depends on the clock, the host or chance."""

    def __init__(self, out: BinaryIO, name: str) -> None:
        self._out = out
        self._name = name
        self._info = self._identity("warcinfo", name)

    def _identity(self, kind: str, url: str) -> str:
        return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{self._name} {kind} {url}')}>"

    def _record(
        self, kind: str, url: str, payload: bytes, date: str, http: Any = None, **more: str
    ) -> bytes:
        """Return one record as a gzip member."""
        from warcio.warcwriter import BufferWARCWriter

        headers = {
            "WARC-Type": kind,
            "WARC-Record-ID": self._identity(kind, url),
            "WARC-Date": date,
            **{key.replace("_", "-"): value for key, value in more.items()},
        }
        writer = BufferWARCWriter(gzip=True)
        record = writer.create_warc_record(
            url if kind != "warcinfo" else "",
            kind,
            payload=BytesIO(payload),
            length=len(payload),
            warc_headers_dict=headers,
            http_headers=http,
        )
        writer.write_record(record)
        member: bytes = writer.get_contents()
        return member

    def write_all(self, captures: list[Capture]) -> None:
        """Write the warcinfo record, then request, response and metadata of every capture."""
        info = b"software: gristmill demo\r\nformat: WARC File Format 1.0\r\nisPartOf: demo\r\n"
        start = _START.strftime("%Y-%m-%dT%H:%M:%SZ")
        name = {"WARC_Filename": self._name}
        self._out.write(self._record("warcinfo", self._name, info, start, **name))
        for i, capture in enumerate(captures):
            date = (_START + timedelta(seconds=37 * i)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._write(capture, date)

    def _write(self, capture: Capture, date: str) -> None:
        from warcio.statusandheaders import StatusAndHeaders

        host, _, path = capture.url.removeprefix("https://").partition("/")
        request = StatusAndHeaders(
            f"GET /{path} HTTP/1.1",
            [("Host", host), ("User-Agent", "gristmill-demo"), ("Accept", "text/html")],
            is_http_request=True,
        )
        sent = [("Content-Type", capture.content_type)] if capture.content_type else []
        sent += [("Content-Length", str(len(capture.body))), ("X-Crawler", "gristmill-demo")]
        response = StatusAndHeaders(capture.status, sent, protocol="HTTP/1.1")
        common = {"WARC_Warcinfo_ID": self._info, "WARC_IP_Address": "192.0.2.10"}
        answer = self._identity("response", capture.url)
        linked = {**common, "WARC_Concurrent_To": answer}
        extra = {"WARC_Identified_Payload_Type": "text/html"} if capture.body else {}
        if capture.truncated:
            extra["WARC_Truncated"] = capture.truncated
        member = self._record(
            "response", capture.url, capture.body, date, response, **common, **extra
        )
        if capture.damaged:
            flipped = bytes(byte ^ 0xFF for byte in member[_FLIP])
            member = member[: _FLIP.start] + flipped + member[_FLIP.stop :]
        self._out.write(self._record("request", capture.url, b"", date, request, **linked))
        self._out.write(member)
        told = f"fetchTimeMs: 120\r\ncharset-detected: UTF-8\r\nlanguage: {capture.language}\r\n"
        self._out.write(self._record("metadata", capture.url, told.encode(), date, **linked))
