"""Numbers of bytes as people write them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from gristmill.pipeline.byte_size import ByteSize, parse_bytes


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2GB", 2 * 10**9),
        ("64MiB", 64 * 2**20),
        ("1.5 kb", 1500),
        ("1_000", 1000),
        ("1GiB", 2**30),
        (17, 17),
    ],
)
def test_bytes_are_read(written: object, expected: int) -> None:
    assert parse_bytes(written) == expected
    assert TypeAdapter(ByteSize).validate_python(written) == expected


@pytest.mark.parametrize("written", ["", "GB", "2 TB", "-1MB", "1.2.3KB", "_", "many", None])
def test_bad_bytes_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ByteSize).validate_python(written)
