import gzip
import io

import pytest

from gristmill.pipeline.resync import find_member, find_plain, judge_head, name_content

RECORD = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
MEMBER = gzip.compress(RECORD)


@pytest.mark.parametrize(
    ("head", "whole", "kind"),
    [
        (MEMBER, True, "gzip"),
        (gzip.compress(b"\r\n" + RECORD), True, "gzip"),
        (RECORD, True, "plain"),
        (b"warc/1.1\n", True, "plain"),
        (MEMBER[:12], True, "cut"),
        (MEMBER[:2], True, "cut"),
        (MEMBER[:2], False, "junk"),
        (gzip.compress(b"something else"), True, "junk"),
        (b"\x1f\x8b\x08" + b"\xff" * 60, True, "junk"),
        (bytes(20), True, "junk"),
        (b"WARC/x.y\r\n", True, "junk"),
    ],
)
def test_heads(head: bytes, whole: bool, kind: str) -> None:
    assert judge_head(head, whole) == kind


@pytest.mark.parametrize("gap", [0, 1, 5, (1 << 20) - 1, (1 << 20) + 1, (2 << 20) - 2])
def test_members_are_found_across_chunks(gap: int) -> None:
    noise = (b"\x1f\x8b\x08 no member " * (gap // 13 + 1))[:gap]
    file = io.BytesIO(noise + MEMBER + b"xx" + MEMBER)
    assert find_member(file, 0) == gap
    assert find_member(file, gap) == gap
    assert find_member(file, gap + 1) == gap + len(MEMBER) + 2
    assert find_member(file, gap + len(MEMBER) + 3) is None


@pytest.mark.parametrize("gap", [1, 100, (1 << 20) - 5, (1 << 20) + 5])
def test_plain_records_are_found_at_line_starts_only(gap: int) -> None:
    file = io.BytesIO(b"a WARC/1.0\r\nX: no " * 3 + b"\n" * gap + RECORD)
    assert find_plain(file, 0) == 54 + gap
    assert find_plain(file, 54 + gap + 1) is None
    assert find_plain(io.BytesIO(RECORD), 0) == 0


def test_what_may_be_a_damaged_warc_is_not_named() -> None:
    assert name_content(MEMBER) is None
    assert name_content(MEMBER[:15]) is None
    assert name_content(RECORD) is None
    assert name_content(bytes(500)) is None
    assert name_content(b"\x1f\x8b\x08" + b"\xff" * 60) is None
    assert name_content(b"  <HTML lang=en>") == "an HTML page"
    assert name_content(gzip.compress(b'{"a": 1}')) == "gzip of JSON"
