import gzip
import io
import json
import os
import random
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import gristmill.pipeline.warc as warc
from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.schema import PAGE, make_key
from gristmill.pipeline.warc import READ_REASONS, read_warc, sniff

DATA = Path(__file__).resolve().parents[2] / "../shared/data"


def page(i: int) -> bytes:
    words = random.Random(i).choices(["mühle", "grain", "밀", "stone", "flour", "rye"], k=80)
    return f"<!DOCTYPE html><html><body><p>Page {i}: {' '.join(words)}.</p></body></html>".encode()


class Mill:
    """Writes a WARC and knows where its records begin."""

    def __init__(self, compress: bool = True) -> None:
        self.out = io.BytesIO()
        self.writer = WARCWriter(self.out, gzip=compress)
        self.offsets: list[int] = []

    def add(
        self,
        kind: str = "response",
        body: bytes = b"",
        url: str | None = "http://mill.example/",
        status: str | None = "200 OK",
        headers: list[tuple[str, str]] | None = None,
        warc: dict[str, str] | None = None,
        mime: str = "text/html",
    ) -> "Mill":
        self.offsets.append(self.out.tell())
        http = None
        if status and kind in ("response", "request", "revisit"):
            given = [("Content-Type", mime)] if mime else []
            http = StatusAndHeaders(status, given + (headers or []), protocol="HTTP/1.1")
        record = self.writer.create_warc_record(
            url, kind, payload=io.BytesIO(body), http_headers=http, warc_headers_dict=warc or {}
        )
        self.writer.write_record(record)
        return self

    @property
    def data(self) -> bytes:
        return self.out.getvalue()


def pages(n: int, compress: bool = True) -> Mill:
    mill = Mill(compress)
    for i in range(n):
        mill.add(body=page(i), url=f"http://mill.example/{i}")
    return mill


def read(path: Path, data: bytes | None = None, **options: Any) -> tuple[list[dict], Counter[str]]:
    if data is not None:
        path.write_bytes(data)
    flags: Counter[str] = Counter()
    batches = list(read_warc(str(path), 3, flags, **options))
    assert all(batch.schema == PAGE for batch in batches)
    return pa.Table.from_batches(batches, PAGE).to_pylist(), flags


def problems(rows: list[dict]) -> dict[str | None, int]:
    return dict(Counter(row["read.problem"] for row in rows))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.warc.gz"


def recompress(data: bytes, offset: int, end: int, change: Callable[[bytes], bytes]) -> bytes:
    return data[:offset] + gzip.compress(change(gzip.decompress(data[offset:end]))) + data[end:]


def change_length(to: Callable[[int], object]) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        length = int(raw.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        return raw.replace(b"Content-Length: %d" % length, f"Content-Length: {to(length)}".encode())

    return change


@pytest.mark.parametrize("compress", [True, False])
def test_same_records_as_warcio(path: Path, compress: bool) -> None:
    mill = Mill(compress)
    mill.add("warcinfo", b"software: test\r\n", None)
    for i in range(40):
        url = f"http://mill.example/{i}"
        mill.add("request", b"", url, status="GET / HTTP/1.1", mime="")
        mill.add("response", page(i), url)
        mill.add("metadata", b"fetchTimeMs: 1", url)
    rows, flags = read(path, mill.data)
    theirs = []
    with path.open("rb") as file:
        iterator = ArchiveIterator(file)
        for record in iterator:
            if record.rec_type == "response":
                headers = record.rec_headers
                body = record.content_stream().read()
                theirs.append(
                    {
                        "key": make_key(3, iterator.get_record_offset()),
                        "id": headers["WARC-Record-ID"],
                        "url": headers["WARC-Target-URI"],
                        "date": headers["WARC-Date"],
                        "warc": "a.warc.gz",
                        "offset": iterator.get_record_offset(),
                        "length": iterator.get_record_length(),
                        "content_type": "text/html",
                        "html": body,
                        "read.problem": None,
                    }
                )
    assert rows == theirs
    assert flags == {"record:warcinfo": 1, "record:request": 40, "record:metadata": 40}


def test_batches_are_bounded(path: Path) -> None:
    path.write_bytes(pages(20).data)
    by_rows = list(read_warc(str(path), 0, Counter(), batch_docs=7))
    assert [b.num_rows for b in by_rows] == [7, 7, 6]
    by_bytes = list(read_warc(str(path), 0, Counter(), batch_bytes=2 * len(page(0))))
    assert all(b.num_rows <= 4 for b in by_bytes)
    assert sum(b.num_rows for b in by_bytes) == 20


def bad_response(case: str) -> Mill:
    html = page(1)
    zipped = gzip.compress(b"<html>" + bytes(1 << 22))
    mill = Mill()
    match case:
        case "http_status":
            mill.add(status="404 Not Found", body=html)
        case "no_http_header":
            mill.add("resource", html, mime="").add(body=html)
            raw = gzip.decompress(mill.data[mill.offsets[1] :])
            broken = raw.replace(b"HTTP/1.1 200 OK", b"<html>200 OK   ")
            mill.out = io.BytesIO(mill.data[: mill.offsets[1]] + gzip.compress(broken))
        case "not_html":
            mill.add(body=b"GIF89a" + bytes(50))
        case "empty_body":
            mill.add(body=b" \r\n ")
        case "bad_url":
            mill.add(body=html, url="http://[::1/x")
        case "too_large":
            mill.add(body=zipped, headers=[("Content-Encoding", "gzip")])
        case "content_decode":
            mill.add(body=b"\x1f\x8b\x08" + b"nonsense", headers=[("Content-Encoding", "gzip")])
        case "bad_warc_length":
            mill.add(body=html)
            mill.out = io.BytesIO(recompress(mill.data, 0, 1 << 30, change_length(lambda _: "abc")))
        case "bad_warc_header":
            mill.out.write(
                gzip.compress(b"WARC/1.0\r\nWARC-Type: response\r\nX: " + b"y" * 5000000)
            )
        case "gzip_corrupt":
            mill.add(body=html).add(body=html)
            data = bytearray(mill.data)
            data[mill.offsets[1] // 2] ^= 0xFF
            mill.out = io.BytesIO(bytes(data))
        case "input_truncated":
            mill.add(body=html)
            mill.out = io.BytesIO(mill.data[:-20])
        case "junk_bytes":
            mill.add(body=html)
            mill.out = io.BytesIO(mill.data + bytes(100))
    return mill


@pytest.mark.parametrize("reason", READ_REASONS)
def test_every_problem_has_a_row_without_page(path: Path, reason: str) -> None:
    data = bad_response(reason).data
    rows, _ = read(path, data, on_truncated="drop", max_record_bytes=1 << 20)
    bad = [row for row in rows if row["read.problem"]]
    assert [row["read.problem"] for row in bad] == [reason]
    assert bad[0]["html"] is None


@pytest.mark.parametrize(
    ("mime", "body", "identified", "good"),
    [
        ("text/html", b"<p>x</p>", None, True),
        ("application/xhtml+xml; charset=utf-8", b"<p>x</p>", None, True),
        ("text/html", b'{"a": 1, "b": [2]}', None, False),
        ("text/html", b"%PDF-1.4 and so on", None, False),
        ("text/plain", b"<html>", None, False),
        ("text/plain", b"<html>", "text/html", True),
        ("text/html", b"<html>", "image/gif", False),
        ("", b" <!DOCTYPE html><p>x", None, True),
        ("", b"plain words", None, False),
    ],
)
def test_html_is_told_by_finding_then_label_then_bytes(
    path: Path, mime: str, body: bytes, identified: str | None, good: bool
) -> None:
    extra = {"WARC-Identified-Payload-Type": identified} if identified else {}
    rows, _ = read(path, Mill().add(body=body, mime=mime, warc=extra).data)
    assert problems(rows) == {None if good else "not_html": 1}


def test_other_types_are_only_counted(path: Path) -> None:
    mill = Mill()
    mill.add("response", b"20260101 1.2.3.4", "dns:mill.example", status=None)
    mill.add("resource", page(1), "http://mill.example/r", warc={"Content-Type": "text/html"})
    mill.add("resource", b"x", "http://mill.example/s", warc={"Content-Type": "image/png"})
    mill.add("conversion", b"text", "http://mill.example/t")
    rows, flags = read(path, mill.data)
    assert [row["html"] for row in rows] == [page(1)]
    assert flags == {"record:dns": 1, "record:resource": 1, "record:conversion": 1}


def test_url_loses_user_info_and_brackets(path: Path) -> None:
    mill = Mill().add(body=page(1), url="<http://me:secret@mill.example/a?b@c>")
    rows, _ = read(path, mill.data)
    assert rows[0]["url"] == "http://mill.example/a?b@c"
    assert b"secret" not in repr(rows).encode()


@pytest.mark.parametrize(
    "url",
    ["http://mill.example:99999/", "", "http:///x", "http://a\\@b/", "http://x/" + "y" * 9000],
)
def test_bad_urls(path: Path, url: str) -> None:
    rows, _ = read(path, Mill().add(body=page(1), url=url).data)
    assert problems(rows) == {"bad_url": 1}
    assert rows[0]["url"] is None


def test_truncated_records_are_kept_and_counted(path: Path) -> None:
    mill = Mill().add(body=page(1), warc={"WARC-Truncated": "length"})
    mill.add(body=page(2).ljust(1 << 20))
    rows, flags = read(path, mill.data)
    assert problems(rows) == {None: 2}
    assert flags == {"truncated": 1, "truncated:unmarked": 1}


@pytest.mark.parametrize("damage", ["flip", "crc", "zeros", "garbage", "hole", "foreign member"])
@pytest.mark.parametrize("at", [1, 20, 37])
def test_damage_costs_what_it_hit_and_no_more(path: Path, damage: str, at: int) -> None:
    mill = pages(40)
    offset, end = mill.offsets[at], mill.offsets[at + 1]
    data = bytearray(mill.data)
    lost: set[int] = set()
    match damage:
        case "flip":
            data[offset + 60 : offset + 64] = b"\xff\x00\xff\x00"
            lost = {at}
        case "crc":
            data[end - 7] ^= 0xFF
            lost = {at}
        case "zeros":
            data[offset:offset] = bytes(512)
        case "garbage":
            data[offset:offset] = b"WARC is not \x1f\x8b\x08 what this is" * 40
        case "hole":
            del data[offset + 50 : end + 50]
            lost = {at, at + 1}
        case "foreign member":
            data[offset:offset] = gzip.compress(b"not a record")
    rows, _ = read(path, bytes(data))
    good = [row["html"] for row in rows if row["read.problem"] is None]
    assert good == [page(i) for i in range(40) if i not in lost]
    bad = [row for row in rows if row["read.problem"]]
    assert len(bad) == 1
    assert bad[0]["key"] == make_key(3, offset)
    assert bad[0]["url"] is None
    assert bad[0]["read.problem"] in ("gzip_corrupt", "junk_bytes")
    assert bad[0]["offset"] + bad[0]["length"] in {r["offset"] for r in rows}


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("length", ["-500", "+500", "+5", "10**18", "-5", "abc"])
def test_wrong_length_costs_one_record(path: Path, compress: bool, length: str) -> None:
    mill = pages(20, compress)
    offset, end = mill.offsets[10], mill.offsets[11]
    change = change_length(
        lambda n: {"10**18": 10**18, "-5": -5, "abc": "abc"}.get(length) or n + int(length)
    )
    if compress:
        data = recompress(mill.data, offset, end, change)
    else:
        data = mill.data[:offset] + change(mill.data[offset:end]) + mill.data[end:]
    rows, _ = read(path, data)
    assert [r["html"] for r in rows] == [page(i) if i != 10 else None for i in range(20)]
    assert rows[10]["read.problem"] == "bad_warc_length"


def test_length_off_by_the_line_ends_is_forgiven(path: Path) -> None:
    mill = pages(12)
    data = recompress(mill.data, mill.offsets[5], mill.offsets[6], change_length(lambda n: n + 2))
    rows, _ = read(path, data)
    assert problems(rows) == {None: 12}
    assert rows[5]["html"] == page(5) + b"\r\n"


def test_record_in_two_members(path: Path) -> None:
    mill = pages(12)
    a, b = mill.offsets[5:7]
    raw = gzip.decompress(mill.data[a:b])
    data = mill.data[:a] + gzip.compress(raw[:400]) + gzip.compress(raw[400:]) + mill.data[b:]
    rows, _ = read(path, data)
    assert [row["html"] for row in rows] == [page(i) for i in range(12)]


@pytest.mark.parametrize("cut", [1, 7, 30, 200])
@pytest.mark.parametrize("compress", [True, False])
def test_cut_tail(path: Path, cut: int, compress: bool) -> None:
    mill = pages(12, compress)
    cut += 0 if compress else 4  # the line ends after a record are no loss
    path.write_bytes(mill.data[:-cut])
    with pytest.raises(ShardError, match=r"cut off at byte \d+ .*on_truncated=drop"):
        list(read_warc(str(path), 0, Counter()))
    rows, _ = read(path, on_truncated="drop")
    assert [row["html"] for row in rows] == [page(i) for i in range(11)] + [None]
    assert rows[-1]["read.problem"] == "input_truncated"


def test_cut_inside_the_magic_bytes(path: Path) -> None:
    mill = pages(3)
    rows, _ = read(path, mill.data[: mill.offsets[2] + 2], on_truncated="drop")
    assert problems(rows) == {None: 2, "input_truncated": 1}


def test_whole_file_in_one_member(path: Path) -> None:
    mill = pages(30)
    rows, _ = read(path, gzip.compress(gzip.decompress(mill.data)))
    assert [row["html"] for row in rows] == [page(i) for i in range(30)]
    assert len({row["key"] for row in rows}) == 30
    assert {row["offset"] for row in rows} == {0}
    assert {row["length"] for row in rows} == {None}


def test_some_members_hold_several_records(path: Path) -> None:
    mill = pages(30)
    o = [*mill.offsets, len(mill.data)]
    groups = [(0, 9), (9, 11), (11, 14), (14, 15), (15, 17), (17, 30)]
    data = b"".join(
        mill.data[o[a] : o[b]]
        if (a, b) in ((0, 9), (17, 30))
        else gzip.compress(gzip.decompress(mill.data[o[a] : o[b]]))
        for a, b in groups
    )
    rows, _ = read(path, data)
    assert [row["html"] for row in rows] == [page(i) for i in range(30)]
    assert len({row["key"] for row in rows}) == 30


@pytest.mark.parametrize("kind", ["record", "member", "response"])
def test_bombs_are_capped(path: Path, kind: str) -> None:
    mill, zeros = pages(2), bytes(30 << 20)
    body = gzip.compress(zeros) if kind == "response" else zeros
    headers = [("Content-Encoding", "gzip")] if kind == "response" else []
    mill.add(body=body, headers=headers, url="http://mill.example/bomb")
    if kind == "member":
        mill.out.write(gzip.compress(b"no record" + zeros))
    mill.add(body=page(9))
    rows, _ = read(path, mill.data, max_record_bytes=1 << 20)
    expected = {None: 3, "too_large": 1} | ({"junk_bytes": 1} if kind == "member" else {})
    assert problems(rows) == expected


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><title>503</title>" * 9, "an HTML page"),
        (b"PK\x03\x04" + bytes(99), "ZIP"),
        (gzip.compress(b"filedesc://x.arc 0.0.0.0"), "gzip of an ARC file"),
        (b"url,text\r\n1,2\r\n", "text"),
        (random.Random(1).randbytes(5000), "unknown data"),
    ],
)
def test_no_warc(path: Path, data: bytes, found: str) -> None:
    path.write_bytes(data)
    with pytest.raises(
        ShardError, match=f"a.warc.gz: no WARC: at byte 0 stands .*{found}.*; check"
    ):
        list(read_warc(str(path), 0, Counter()))
    if found != "unknown data":
        with pytest.raises(ConfigError, match="no WARC"):
            sniff(str(path))


def test_sniff_lets_warcs_pass(path: Path) -> None:
    for data in (pages(1).data, pages(1, compress=False).data, pages(1).data[:30]):
        path.write_bytes(data)
        sniff(str(path))


def test_missing_file(path: Path) -> None:
    with pytest.raises(ShardError, match=r"a\.warc\.gz: cannot be read"):
        list(read_warc(str(path), 0, Counter()))
    with pytest.raises(ConfigError, match="cannot be read"):
        sniff(str(path))


def test_any_fsspec_url(path: Path) -> None:
    path.write_bytes(pages(5).data)
    here, _ = read(path)
    batches = list(read_warc(f"file://{path}", 3, Counter()))
    assert pa.Table.from_batches(batches).to_pylist() == here


def damaged(compress: bool = True) -> bytes:
    mill = pages(25, compress)
    data, o = bytearray(mill.data), mill.offsets
    data[o[20] : o[20]] = b"junk" * 50
    data[o[14] + 70 : o[14] + 74] = b"\xff\x00\xff\x00"
    data[o[8] : o[8] + 9] = bytes(9)
    data[o[7] + 60] ^= 0xFF
    return bytes(data) + bytes(33)


FILES = {
    "whole": pages(25).data,
    "damaged": damaged(),
    "plain": pages(25, compress=False).data,
    "plain damaged": damaged(compress=False),
    "one member": gzip.compress(gzip.decompress(pages(25).data)),
    "cut": pages(25).data[:-40],
    "damaged head": bytes(12) + pages(25).data[12:],
}


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=40, deadline=None)
@given(points=st.lists(st.integers(0, max(map(len, FILES.values()))), max_size=6))
def test_ranges_partition_the_file(
    tmp_path_factory: pytest.TempPathFactory, name: str, points: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{name}.warc.gz"
    whole, flags = read(path, FILES[name], on_truncated="drop")
    bounds = [0, *sorted(points), None]
    parts, counts = [], Counter[str]()
    for start, end in pairwise(bounds):
        rows, part = read(path, start=start, end=end, on_truncated="drop")
        parts += rows
        counts += part
    assert parts == whole
    assert counts == flags


@settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 9000), st.integers(0, 40), st.binary(max_size=40)), max_size=4
    )
)
def test_no_damage_crashes_and_both_readers_agree(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, bytes]]
) -> None:
    data = bytearray(pages(25).data)
    for at, cut, put in edits:
        data[at : at + cut] = put
    path = tmp_path_factory.getbasetemp() / "edited.warc.gz"
    try:
        fast = read(path, bytes(data), on_truncated="drop")
    except ShardError:
        assert edits
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warc, "_fast", no_fast_reader)
        patch.setattr(warc, "_CALM", 1 << 60)
        assert read(path, on_truncated="drop") == fast


def no_fast_reader(file: Any, position: int, end: int, cap: int) -> Any:
    return position
    yield


def test_length_is_capped_before_fastwarc_allocates(path: Path) -> None:
    """FastWARC aborts the process when it is asked to read 10^18 bytes."""
    mill = pages(20)
    data = recompress(mill.data, 0, mill.offsets[1], change_length(lambda _: 10**18))
    rows, _ = read(path, data)
    assert problems(rows) == {None: 19, "bad_warc_length": 1}


def test_memory_stays_far_below_the_file(path: Path) -> None:
    import tracemalloc

    mill = Mill()
    for i in range(40):
        mill.add(body=b"<p>" + random.Random(i).randbytes(1 << 20))
    path.write_bytes(mill.data)
    tracemalloc.start()
    for _ in read_warc(str(path), 0, Counter(), batch_docs=2):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert os.path.getsize(path) > 40 << 20
    assert peak < 16 << 20


def third_party() -> list[dict[str, Any]]:
    index = DATA / "third_party/INDEX.jsonl"
    return [json.loads(line) for line in index.open()] if index.exists() else []


@pytest.mark.real_data
def test_third_party_files_neither_crash_nor_hang() -> None:
    files = third_party()
    if not files:
        pytest.skip("needs ../shared/data/third_party")
    refused = []
    for entry in files:
        path = DATA / entry["file"]
        try:
            rows, flags = read(path, on_truncated="drop")
        except ShardError:
            refused.append(entry["group"] == "broken" or path.suffix in (".arc", ".wacz"))
            continue
        assert {row["read.problem"] for row in rows} <= {None, *READ_REASONS}
        if entry["group"] == "ok":
            pages_or_counted = len(rows) + flags["record:dns"] + flags["record:resource"]
            assert abs(pages_or_counted - entry["responses"]) <= 2, path.name
    assert all(refused)


@pytest.mark.real_data
def test_real_crawl_same_as_warcio() -> None:
    paths = sorted((DATA / "warc").glob("*.warc.gz"))
    if not paths:
        pytest.skip("needs ../shared/data/warc")
    rows, flags = read(paths[-1])
    assert len(rows) == flags["record:request"] == 351
    with paths[-1].open("rb") as file:
        bodies = {
            zlib.crc32(r.content_stream().read())
            for r in ArchiveIterator(file)
            if r.rec_type == "response"
        }
    assert {zlib.crc32(row["html"]) for row in rows if row["html"]} <= bodies
