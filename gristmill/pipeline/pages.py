"""WARC records to page rows: what is a page, what is none and why, what is only counted."""

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from gristmill.pipeline.http import (
    TooLargeError,
    UndecodableError,
    decode_body,
    is_html,
    parse_response,
)
from gristmill.pipeline.records import Record

#: Why a record is no page.
READ_REASONS = (
    "http_status",
    "no_http_header",
    "not_html",
    "empty_body",
    "bad_url",
    "too_large",
    "content_decode",
    "gzip_corrupt",
    "bad_warc_length",
    "bad_warc_header",
    "input_truncated",
    "junk_bytes",
)

#: Types that are never documents. Where one is damaged, no document is lost.
_OTHER_TYPES = frozenset(
    ("warcinfo", "request", "metadata", "revisit", "conversion", "continuation", "dns", "resource")
)
_MAX_URL = 8192
#: Sizes at which crawlers cut pages, not always saying so (Common Crawl until 2012, until March
#: 2025, and since: commoncrawl/nutch issue 10 and the crawl announcements).
_CUT_SIZES = (500 << 10, 1 << 20, 5 << 20)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\\]*@")


def page_row(record: Record, cap: int, flags: Counter[str]) -> dict[str, Any] | None:
    """Turn a record into a row of ``schema.PAGE`` without its place, or count it.

    Args:
        record: from either reader.
        cap: largest decoded body, in bytes.
        flags: receives counts.

    Returns:
        The row, or None where the record is of a type that is no document.
    """
    headers = record.headers
    kind = headers.get("warc-type", "").lower() or "none"
    uri = headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">").strip()
    mime = headers.get("content-type", "")
    if kind == "response" and (uri.startswith("dns:") or mime.startswith("text/dns")):
        kind = "dns"
    page = kind == "response" or (kind == "resource" and is_html("", mime, record.block))
    if headers and not page:
        known = kind in _OTHER_TYPES
        flags[f"record:{kind if known else 'unknown'}"] += 1
        if record.problem is None:
            return None
        if known and record.problem != "input_truncated":
            flags[f"record_damaged:{record.problem}"] += 1
            return None
    row: dict[str, Any] = {
        "id": headers.get("warc-record-id"),
        "url": clean_url(uri),
        "date": headers.get("warc-date"),
        "content_type": None,
        "html": None,
        "read.problem": record.problem,
    }
    if record.problem is None:
        row["read.problem"] = _fill(row, record, kind, cap, flags)
    return row


def _fill(
    row: dict[str, Any], record: Record, kind: str, cap: int, flags: Counter[str]
) -> str | None:
    """Add content type and body to a row; return the problem where there is one."""
    body, mime = record.block, record.headers.get("content-type", "")
    if kind == "response":
        response = parse_response(record.block)
        if response is None:
            return "no_http_header"
        mime = response.headers.get("content-type", "")
        row["content_type"] = mime or None
        if response.status != 200:
            return "http_status"
        try:
            body = decode_body(response, cap, flags)
        except TooLargeError:
            return "too_large"
        except UndecodableError:
            return "content_decode"
    row["content_type"] = mime or None
    if row["url"] is None:
        return "bad_url"
    if not body.strip():
        return "empty_body"
    if not is_html(record.headers.get("warc-identified-payload-type", ""), mime, body):
        return "not_html"
    if record.headers.get("warc-truncated"):
        flags["truncated"] += 1
    elif len(body) in _CUT_SIZES:
        flags["truncated:unmarked"] += 1
    row["html"] = body
    return None


def clean_url(uri: str) -> str | None:
    """Return a web address without user-info, or None where it is none.

    >>> clean_url("http://user:secret@example.org/a")
    'http://example.org/a'
    """
    url = _USERINFO.sub(r"\1", uri)
    if not url or len(url) > _MAX_URL or _CONTROL.search(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "ftp") or not parts.hostname or "@" in parts.netloc:
        return None
    return url
