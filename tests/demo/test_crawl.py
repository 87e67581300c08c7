"""The sample crawl: same bytes every time, everything planted where it says, readable by warcio."""

import gzip
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from gristmill.demo import write_crawl


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("crawl")
    return write_crawl(folder), json.loads((folder / "crawl.json").read_text("utf-8"))


def members(data: bytes) -> list[bytes | None]:
    """Split a WARC file at gzip magic numbers; None where a member does not inflate."""
    out: list[bytes | None] = []
    position = 0
    while position < len(data):
        unzip = zlib.decompressobj(31)
        try:
            out.append(unzip.decompress(data[position:]))
            position = len(data) - len(unzip.unused_data)
        except zlib.error:
            out.append(None)
            position = data.index(b"\x1f\x8b\x08", position + 1)
            while not readable(data[position:]):
                position = data.index(b"\x1f\x8b\x08", position + 1)
    return out


def readable(data: bytes) -> bool:
    try:
        return zlib.decompressobj(31).decompress(data, 64).startswith(b"WARC/")
    except zlib.error:
        return False


def test_two_crawls_have_the_same_bytes(crawl: tuple[list[Path], Any], tmp_path: Path) -> None:
    paths, _ = crawl
    again = write_crawl(tmp_path)
    assert [p.name for p in again] == [f"demo-{i:05d}.warc.gz" for i in range(4)]
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in paths]
    first, second = paths[0].parent / "crawl.json", tmp_path / "crawl.json"
    assert first.read_bytes() == second.read_bytes()


def test_counts(crawl: tuple[list[Path], Any]) -> None:
    _, told = crawl
    languages = Counter(page["language"] for page in told["pages"])
    assert 700 <= len(told["pages"]) <= 900
    assert len({page["url"] for page in told["pages"]}) == len(told["pages"])
    assert set(languages) == {"en", "ko", "de", "fr", "es", "ja", "ru", "zh"}
    assert min(languages.values()) >= 25
    assert languages["en"] > 0.55 * len(told["pages"])
    sizes = {k: len(v) for k, v in told.items() if k != "pages"}
    assert sizes == {
        "spam": 12,
        "exact_duplicates": 20,
        "near_duplicates": 25,
        "pii": 15,
        "bad_encodings": 14,
        "damaged": 1,
        "truncated": 1,
        "not_200": 6,
        "not_html": 2,
        "empty": 1,
        "deep": 1,
    }


def test_hosts_are_reserved_names(crawl: tuple[list[Path], Any]) -> None:
    assert all(p["url"].split("/")[2].endswith(".example") for p in crawl[1]["pages"])


def test_warcio_reads_every_record_of_the_undamaged_files(crawl: tuple[list[Path], Any]) -> None:
    paths, told = crawl
    bad = told["damaged"][0]["file"]
    for path in (p for p in paths if p.name != bad):
        kinds: Counter[str] = Counter()
        ids = set()
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                record.content_stream().read()
                kinds[record.rec_type] += 1
                ids.add(record.rec_headers.get_header("WARC-Record-ID"))
        pages = sum(page["file"] == path.name for page in told["pages"])
        assert kinds == {"warcinfo": 1, "request": pages, "response": pages, "metadata": pages}
        assert len(ids) == 1 + 3 * pages


def test_one_member_is_damaged_and_the_rest_of_its_file_is_not(
    crawl: tuple[list[Path], Any],
) -> None:
    paths, told = crawl
    bad = told["damaged"][0]
    path = next(p for p in paths if p.name == bad["file"])
    found = members(path.read_bytes())
    pages = sum(page["file"] == path.name for page in told["pages"])
    assert len(found) == 1 + 3 * pages
    assert found.count(None) == 1
    place = found.index(None)
    assert len(found) // 4 < place < 3 * len(found) // 4
    before, after = found[place - 1], found[place + 1]
    assert before is not None
    assert b"WARC-Type: request" in before
    assert bad["url"].encode() in before
    assert after is not None
    assert b"WARC-Type: metadata" in after
    with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
        gzip.decompress(path.read_bytes())
