"""One shard of an input as batches: every row of the file, good or bad, exactly once."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.demo.model import Capture
from gristmill.demo.records import RecordWriter
from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.inputs import Inputs, cut_shards, kind_of, list_inputs
from gristmill.pipeline.plan import Plan
from gristmill.pipeline.schema import PAGE, documents, split_key
from gristmill.pipeline.source import Read, open_input, read_texts, source_schema
from gristmill.pipeline.stage import with_columns


def plan_of(*paths: Path, split_bytes: int | None = None) -> Plan:
    inputs = Inputs(**{kind_of(str(paths[0])): tuple(str(path) for path in paths)})
    files = list_inputs(inputs, lambda _: None)
    return Plan(
        name="test",
        recipe={"inputs": inputs.model_dump()},
        stage_versions={},
        inputs=files,
        shards=cut_shards(files, split_bytes),
        versions={},
        assets={},
    )


def read(plan: Plan, task: int = 0) -> pa.Table:
    schema, batches = open_input(plan, task, Counter())
    return pa.Table.from_batches(list(batches), schema)


def columns(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def jsonl(path: Path, *rows: Any) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    body = b"".join(line + b"\n" for line in lines)
    if path.suffix == ".gz":
        body = gzip.compress(body)
    elif path.suffix == ".zst":
        body = pa.Codec("zstd").compress(body, asbytes=True)
    path.write_bytes(body)
    return path


BAD_ROWS = (
    {"id": "a", "url": "https://mill.example/", "text": "flour"},
    b"{not json",
    {"id": 7},
    {"text": 12, "url": 3},
    b"[1, 2]",
    b'{"text": "\\ud800"}',
    b"\xff\xfe",
    b"",
    {"id": {"n": 1}, "text": ""},
)


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz", "in.jsonl.zst"])
def test_json_lines_good_and_bad(tmp_path: Path, name: str) -> None:
    table = read(plan_of(jsonl(tmp_path / name, *BAD_ROWS)))
    found = [
        (split_key(key), *rest)
        for key, *rest in columns(table, "key", "id", "url", "text", "read.problem")
    ]
    assert found == [
        ((0, 0), "a", "https://mill.example/", "flour", None),
        ((0, 1), None, None, None, "bad_json"),
        ((0, 2), "7", None, None, "no_text"),
        ((0, 3), None, None, None, "no_text"),
        ((0, 4), None, None, None, "no_text"),
        ((0, 5), None, None, None, "bad_json"),
        ((0, 6), None, None, None, "bad_json"),
        ((0, 8), "{'n': 1}", None, "", None),
    ]


def test_a_missing_text_does_not_lose_the_id(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "in.jsonl", {"text": "x"}, {"id": "b", "url": "https://b.example/"})
    assert columns(read(plan_of(path)), "id", "url")[1] == ("b", "https://b.example/")


def test_a_field_html_becomes_a_column_of_bytes(tmp_path: Path) -> None:
    plan = plan_of(jsonl(tmp_path / "in.jsonl", {"html": "<p>Müller"}, {"html": 1}))
    table = read(plan)
    assert table.schema.field("html").type == pa.binary()
    assert "text" not in table.column_names
    assert columns(table, "html", "read.problem") == [
        ("<p>Müller".encode(), None),
        (None, "no_text"),
    ]
    assert source_schema(plan.inputs) == table.schema
    assert table["content_type"].to_pylist() == ["text/html; charset=utf-8", None]


def test_a_10_megabyte_line_and_nul(tmp_path: Path) -> None:
    texts = ["x" * 10_000_000, "a\0b"]
    table = read(plan_of(jsonl(tmp_path / "in.jsonl", *({"text": t} for t in texts))))
    assert table["text"].to_pylist() == texts


@pytest.mark.parametrize(
    "body", [gzip.compress(b'{"text": "x"}\n' * 9999)[:-40], b"\x1f\x8b\x08" + bytes(80)]
)
def test_damaged_gzip_fails_its_shard_and_is_named(tmp_path: Path, body: bytes) -> None:
    good = jsonl(tmp_path / "a.jsonl", {"text": "x"})
    bad = tmp_path / "b.jsonl.gz"
    bad.write_bytes(body)
    with pytest.raises(ShardError, match=r"b\.jsonl\.gz: cannot be read"):
        read(plan_of(good, bad), 1)


def test_damaged_zstandard_fails_its_shard_and_is_named(tmp_path: Path) -> None:
    good = jsonl(tmp_path / "a.jsonl", {"text": "x"})
    bad = jsonl(tmp_path / "b.jsonl.zst", *({"text": f"{i} bags"} for i in range(5000)))
    body = bad.read_bytes()
    bad.write_bytes(body[: len(body) // 2])
    with pytest.raises(ShardError, match=r"b\.jsonl\.zst: cannot be read"):
        read(plan_of(good, bad), 1)


@pytest.mark.parametrize("body", ["", '{"body": "x"}\n', "junk\n"])
def test_jsonl_without_content_stops_before_any_work(tmp_path: Path, body: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(body)
    with pytest.raises(ConfigError, match=r"neither a column text nor html .*rename the column"):
        source_schema(plan_of(path).inputs)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.binary(max_size=30) | st.just(b'{"text": "x"}'), max_size=150))
def test_every_line_is_a_row(tmp_path: Path, lines: list[bytes]) -> None:
    lines = [b'{"text": ""}', *(line.replace(b"\n", b" ") for line in lines)]
    table = read(plan_of(jsonl(tmp_path / "in.jsonl", *lines)))
    expected = [i for i, line in enumerate(lines) if line.strip()]
    assert [split_key(key)[1] for key in table["key"].to_pylist()] == expected


def test_parquet_passes_other_columns_through(tmp_path: Path) -> None:
    body = pa.table(
        {
            "text": pa.array(["a", None, "c"], pa.large_string()),
            "gopher.words": [1, 2, 3],
            "tags": [["x"], [], None],
            "id": [10, 11, None],
            "key": [99, 99, 99],
            "reason": ["old", "old", "old"],
            "read.problem": ["bad_json", None, None],
        }
    )
    pq.write_table(body, tmp_path / "in.parquet")
    table = read(plan_of(tmp_path / "in.parquet"))
    assert [split_key(key) for key in table["key"].to_pylist()] == [(0, 0), (0, 1), (0, 2)]
    assert "reason" not in table.column_names
    assert columns(table, "id", "text", "gopher.words", "tags", "read.problem") == [
        ("10", "a", 1, ["x"], None),
        ("11", None, 2, [], "no_text"),
        (None, "c", 3, None, None),
    ]


def test_parquet_strings_that_are_not_utf8_are_no_documents(tmp_path: Path) -> None:
    """Parquet writers need not check; every later stage takes strings for granted."""
    bad = pa.array([b"good", b"b\xffd", None, "gr\u00fcn".encode()], pa.binary())
    strings = pa.StringArray.from_buffers(4, *bad.buffers()[1:], bad.buffers()[0])
    body = pa.table({"text": strings, "note": strings, "n": [1, 2, 3, 4]})
    pq.write_table(body, tmp_path / "in.parquet")
    table = read(plan_of(tmp_path / "in.parquet"))
    table.validate(full=True)
    assert columns(table, "text", "note", "n", "read.problem") == [
        ("good", "good", 1, None),
        (None, None, 2, "bad_utf8"),
        (None, None, 3, "no_text"),
        ("gr\u00fcn", "gr\u00fcn", 4, None),
    ]


def test_parquet_html_as_string_becomes_bytes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"html": ["<p>ä", None]}), tmp_path / "in.parquet")
    plan = plan_of(tmp_path / "in.parquet")
    table = read(plan)
    assert columns(table, "html", "url", "read.problem") == [
        ("<p>ä".encode(), None, None),
        (None, None, "no_text"),
    ]
    assert source_schema(plan.inputs) == table.schema


def test_parquet_without_rows_and_of_many_groups(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    texts = [str(i) for i in range(300)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "b.parquet", row_group_size=7)
    plan = plan_of(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert read(plan).num_rows == 0
    many = read(plan, 1)
    assert many["text"].to_pylist() == texts
    assert [split_key(k) for k in many["key"].to_pylist()] == [(1, i) for i in range(300)]


def test_no_parquet_at_all(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"in\.parquet: not a readable Parquet file"):
        source_schema(plan_of(tmp_path / "in.parquet").inputs)


def test_parquet_whose_text_is_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [["a", "list"]]}), tmp_path / "in.parquet")
    with pytest.raises(ShardError, match=r"in\.parquet: cannot be read after row 0"):
        read(plan_of(tmp_path / "in.parquet"))


def test_parquet_damaged_inside(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [f"{i} bags of flour" for i in range(5000)]}), path)
    body = bytearray(path.read_bytes())
    body[40:4000] = bytes(3960)
    path.write_bytes(body)
    with pytest.raises(ShardError, match=r"in\.parquet: cannot be read after row"):
        read(plan_of(path))


def test_an_input_that_changed_since_the_plan(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "in.jsonl", {"text": "x"})
    plan = plan_of(path)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ShardError, match=r"not the file .*14 bytes then, 28 now.*another --out"):
        read(plan)
    path.unlink()
    with pytest.raises(ShardError, match=r"in\.jsonl: cannot be read"):
        read(plan)


def test_read_gives_the_readers_reasons() -> None:
    problems = pa.array([None, "no_text", "http_status"], pa.string())
    batch = with_columns(documents(["a", None, "c"]), {"read.problem": problems})
    reasons = Read()(batch)
    assert reasons.to_pylist() == [None, "no_text", "http_status"]
    assert {"bad_json", "no_text", "http_status", "not_html"} <= set(Read().reasons())


def write_warc(path: Path) -> Path:
    captures = [
        Capture("https://mill.example/", "en", "page", b"<p>Flour"),
        Capture("https://mill.example/gone", "en", "page", b"<p>Gone", status="404 Gone"),
        Capture("https://mill.example/img", "en", "page", b"\x89PNG", "image/png"),
    ]
    with path.open("wb") as out:
        RecordWriter(out, path.name).write_all(captures)
    return path


def test_warc_pages_and_flags(tmp_path: Path) -> None:
    plan = plan_of(write_warc(tmp_path / "in.warc.gz"))
    flags: Counter[str] = Counter()
    schema, batches = open_input(plan, 0, flags)
    table = pa.Table.from_batches(list(batches), schema)
    assert schema == PAGE == source_schema(plan.inputs)
    assert columns(table, "url", "read.problem") == [
        ("https://mill.example/", None),
        ("https://mill.example/gone", "http_status"),
        ("https://mill.example/img", "not_html"),
    ]
    assert table["html"][0].as_py() == b"<p>Flour"
    assert table["warc"].to_pylist() == ["in.warc.gz"] * 3
    assert flags == {"record:warcinfo": 1, "record:request": 3, "record:metadata": 3}


def test_a_truncated_warc_as_the_recipe_says(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "in.warc.gz")
    path.write_bytes(path.read_bytes()[:-300])
    plan = plan_of(path)
    with pytest.raises(ShardError, match=r"cut off at byte .*on_truncated=drop"):
        read(plan)
    inputs = Inputs(warc=str(path), on_truncated="drop")
    lenient = plan.model_copy(update={"recipe": {"inputs": inputs.model_dump()}})
    assert read(lenient)["url"][0].as_py() == "https://mill.example/"


def test_texts_outside_a_run(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", None]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"text": "two"}\n{"no": 1}\nbroken\n')
    (tmp_path / "c.jsonl").write_text('{"html": "<p>three"}\n')
    found = list(read_texts([str(tmp_path / "b.jsonl"), str(tmp_path / "*.parquet")]))
    assert found == ["two", "one"]
    for pattern, message in (
        ("c.jsonl", "html, not text"),
        ("x.warc.gz", "pages, not texts"),
        ("none.jsonl", "no such file"),
    ):
        with pytest.raises(ConfigError, match=message):
            list(read_texts([str(tmp_path / pattern)]))
