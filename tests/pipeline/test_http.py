import gzip
import zlib
from collections import Counter

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.http import (
    Response,
    TooLargeError,
    UndecodableError,
    decode_body,
    is_html,
    parse_response,
)

HTML = "<html><p>The mill grinds grain. Mühle.</p></html>".encode() * 20
CAP = 1 << 20


def decode(body: bytes, **headers: str) -> tuple[bytes, Counter[str]]:
    flags: Counter[str] = Counter()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decode_body(Response(200, named, body), CAP, flags), flags


def chunked(body: bytes, size: int = 100) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_parse(end: bytes) -> None:
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/html;", b" charset=utf-8", b"", HTML]
    response = parse_response(end.join(lines))
    assert response == Response(200, {"content-type": "text/html; charset=utf-8"}, HTML)


@pytest.mark.parametrize("block", [b"", b"<html>", b"HTTP/1.1", b"HTTP/1.1 abc", b"GET / HTTP/1.1"])
def test_no_status_line(block: bytes) -> None:
    assert parse_response(block) is None


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (HTML, "identity"),
        (gzip.compress(HTML), "gzip"),
        (gzip.compress(HTML), "x-gzip"),
        (zlib.compress(HTML), "deflate"),
        (raw_deflate(HTML), "deflate"),
        (brotli.compress(HTML), "br"),
        (gzip.compress(zlib.compress(HTML)), "deflate, gzip"),
    ],
)
def test_codings_are_undone(body: bytes, coding: str) -> None:
    assert decode(body, content_encoding=coding) == (HTML, Counter())
    both = decode(chunked(body), content_encoding=coding, transfer_encoding="chunked")
    assert both == (HTML, Counter())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, gzip", "unheard-of"])
def test_wrong_label_gives_the_raw_body_and_a_flag(coding: str) -> None:
    body, flags = decode(HTML, content_encoding=coding)
    assert body == HTML
    assert flags.total() >= 1


@pytest.mark.parametrize("size", [b"ZZ", b"<html>"])
def test_unchunked_body_labelled_chunked(size: bytes) -> None:
    body, flags = decode(size + b"\r\n" + HTML, transfer_encoding="chunked")
    assert body == size + b"\r\n" + HTML
    assert flags == {"transfer_encoding:wrong": 1}


def test_broken_chunks_give_what_there_is() -> None:
    body, flags = decode(b"5\r\n<html\r\nZZ\r\nrest", transfer_encoding="chunked")
    assert (body, flags) == (b"<html", {"transfer_encoding:cut": 1})
    assert decode(b"ffffffff\r\n" + HTML, transfer_encoding="chunked")[0] == HTML


def test_cut_gzip_gives_what_there_is() -> None:
    long = bytes(range(256)) * 500
    body, flags = decode(gzip.compress(long)[:-30], content_encoding="gzip")
    assert body
    assert long.startswith(body)
    assert flags == {"content_encoding:cut": 1}


@pytest.mark.parametrize(
    ("body", "coding"), [(b"nonsense", "br"), (HTML, "zstd"), (b"\x1f\x8b\x08\xff" * 9, "gzip")]
)
def test_undecodable(body: bytes, coding: str) -> None:
    with pytest.raises(UndecodableError):
        decode(body, content_encoding=coding)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate, brotli.compress])
def test_bombs(pack: object) -> None:
    coding = {gzip.compress: "gzip", brotli.compress: "br"}.get(pack, "deflate")
    with pytest.raises(TooLargeError):
        decode(pack(bytes(50 << 20)), content_encoding=coding)


@given(
    st.binary(max_size=300),
    st.sampled_from(["gzip", "deflate", "br", "gzip, br", ""]),
    st.sampled_from(["chunked", ""]),
)
def test_any_bytes_decode_or_are_refused(body: bytes, coding: str, transfer: str) -> None:
    try:
        decode(body, content_encoding=coding, transfer_encoding=transfer)
    except (UndecodableError, TooLargeError):
        return


def test_json_and_pictures_are_no_html_whatever_the_label() -> None:
    for body in (b'{"a": 1}', b'[{"a": 1}]', b"GIF89a", b"\x89PNG", b"PK\x03\x04"):
        assert not is_html("text/html", "text/html", body)
    assert is_html("", "text/html", b"{{ template }} <p>words")
