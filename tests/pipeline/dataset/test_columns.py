"""One set of columns for all files, named as ``datasets`` names them."""

import pyarrow as pa
import pytest

from gristmill.errors import ShardError
from gristmill.pipeline.dataset.columns import USUAL, conform, features, output_schema

DOCS = pa.schema([("key", pa.uint64()), ("id", pa.string()), ("url", pa.string()),
                  ("html", pa.binary()), ("gopher.words", pa.int64()), ("text", pa.string()),
                  ("language", pa.string()), ("warc", pa.string())])  # fmt: skip


def test_the_usual_columns_as_far_as_they_are_there() -> None:
    assert output_schema([DOCS], None).names == ["text", "id", "url", "warc", "language"]
    assert not {"text", "id", "url", "key"} & set(USUAL)


def test_columns_by_name_follow_the_three() -> None:
    names = output_schema([DOCS], ("key", "gopher.words", "url")).names
    assert names == ["text", "id", "url", "key", "gopher.words"]
    assert output_schema([DOCS], ()).names == ["text", "id", "url"]


def test_a_shard_without_a_column_has_null_there() -> None:
    one = pa.schema([("text", pa.string())])
    more = pa.schema([("text", pa.string()), ("language", pa.string()), ("id", pa.null())])
    schema = output_schema([one, more], None)
    assert schema == pa.schema(
        [("text", pa.string()), ("id", pa.null()), ("language", pa.string())]
    )
    batch = conform(pa.record_batch({"text": ["a"], "other": [1]}), schema)
    assert batch.schema == schema
    assert batch.to_pylist() == [{"text": "a", "id": None, "language": None}]


def test_types_that_do_not_fit_are_named_with_the_remedy() -> None:
    other = pa.schema([("text", pa.string()), ("language", pa.int8())])
    with pytest.raises(ShardError, match=r"column language is string .* int8 .*stage dataset"):
        output_schema([DOCS, other], None)


def test_dictionaries_go_out_as_what_they_hold() -> None:
    batch = pa.record_batch(
        {"text": ["a", "b"], "language": pa.array(["de", None]).dictionary_encode()}
    )
    schema = output_schema([batch.schema], None)
    assert schema.field("language").type == pa.string()
    assert conform(batch, schema)["language"].to_pylist() == ["de", None]


SAID = pa.schema(
    [
        ("text", pa.large_string()),
        ("flag", pa.bool_()),
        ("f", pa.float32()),
        ("h", pa.float16()),
        ("d", pa.float64()),
        ("u", pa.uint8()),
        ("day", pa.date32()),
        ("day64", pa.date64()),
        ("when", pa.timestamp("us", "UTC")),
        ("naive", pa.timestamp("ms")),
        ("clock", pa.time32("ms")),
        ("long", pa.duration("s")),
        ("price", pa.decimal128(5, 2)),
        ("raw", pa.binary()),
        ("none", pa.null()),
        ("words", pa.list_(pa.string())),
        ("large", pa.large_list(pa.int32())),
        ("nested", pa.list_(pa.list_(pa.int8()))),
        ("meta", pa.struct([("a", pa.int64()), ("b", pa.list_(pa.bool_()))])),
        ("links", pa.list_(pa.struct([("url", pa.string()), ("n", pa.int16())]))),
    ]
)


def test_features_are_what_datasets_makes_of_the_types() -> None:
    datasets = pytest.importorskip("datasets", reason="no datasets: make install-dev")
    assert features(SAID) == datasets.Features.from_arrow_schema(SAID)._to_yaml_list()
    assert datasets.Features._from_yaml_list(features(SAID)).arrow_schema.remove_metadata() == SAID


@pytest.mark.parametrize(
    "kind", [pa.map_(pa.string(), pa.int8()), pa.binary(4), pa.list_(pa.int8(), 2)]
)
def test_a_type_without_a_name_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(ShardError, match=r"column odd is .*no card can say.*columns=\["):
        features(pa.schema([("text", pa.string()), ("odd", kind)]))
