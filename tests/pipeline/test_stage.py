"""The three shapes, and the helpers that all of them use."""

from collections.abc import Mapping

import pyarrow as pa
import pytest
from pydantic import ValidationError

from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import Judge, Map, apply, first_reason, with_columns


class Length(Map):
    """Measure the length of a text."""

    needs = ("text",)

    def adds(self) -> Mapping[str, pa.DataType]:
        return {"length": pa.int64()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        sizes = [len(t or "") for t in batch.column("text").to_pylist()]
        return with_columns(batch, {"length": pa.array(sizes, pa.int64())})


class NotLong(Judge):
    """Drop long texts."""

    limit: int = 3

    def steps(self) -> tuple[Map | Judge, ...]:
        return Length(), self

    def reasons(self) -> tuple[str, ...]:
        return ("long",)

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        too_long = pa.array([n > self.limit for n in batch.column("length").to_pylist()])
        return first_reason(batch.num_rows, ("long", too_long))


def test_a_stage_is_its_configuration() -> None:
    assert NotLong(limit=5) == NotLong(limit=5) != NotLong()
    with pytest.raises(ValidationError):
        NotLong(limitt=5)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        NotLong().limit = 9  # type: ignore[misc]


def test_apply_splits_and_says_why() -> None:
    kept, rejected = apply(NotLong(), documents(["abc", "abcd", None]))
    assert kept["text"].to_pylist() == ["abc", None]
    assert rejected["reason"].to_pylist() == ["long"]
    assert rejected["length"].to_pylist() == [4]


def test_apply_of_a_map_keeps_all() -> None:
    kept, rejected = apply(Length(), documents(["a", "b"]))
    assert (kept.num_rows, rejected.num_rows) == (2, 0)


def test_the_first_reason_counts_and_null_is_no_reason() -> None:
    reasons = first_reason(
        3,
        ("first", pa.array([True, None, False])),
        ("second", pa.array([True, True, None])),
    )
    assert reasons.to_pylist() == ["first", "second", None]


def test_with_columns_replaces_in_place_and_leaves_out() -> None:
    batch = documents(["a"])
    out = with_columns(batch, {"text": pa.array(["b"]), "new": pa.array([1])}, without=["url"])
    assert out.schema.names == ["key", "id", "text", "read.problem", "new"]
    assert out["text"].to_pylist() == ["b"]
