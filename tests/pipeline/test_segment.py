"""Documents pushed through fused steps: kept, rejected with a reason, counted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import PAGE
from gristmill.pipeline.segment import EXCERPT, Segment, Step, columns_after
from gristmill.pipeline.source import Read
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns


class Size(Map):
    """Add the length of the text."""

    needs = ("text",)

    def adds(self) -> Mapping[str, pa.DataType]:
        return {"size": pa.int64()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        sizes = [len(t) for t in batch.column("text").to_pylist()]
        return with_columns(batch, {"size": pa.array(sizes, pa.int64())})


class Between(Judge):
    """Keep texts of a certain length."""

    low: int = 2
    high: int = 5

    def steps(self) -> tuple[Map | Judge, ...]:
        return Size(), self

    def reasons(self) -> tuple[str, ...]:
        return ("short", "long")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        size = batch.column("size").to_pylist()
        return first_reason(
            batch.num_rows,
            ("short", pa.array([n < self.low for n in size])),
            ("long", pa.array([n > self.high for n in size])),
        )


class Flaky(Judge):
    """Blames the machine."""

    machine_reasons = ("tired",)

    def reasons(self) -> tuple[str, ...]:
        return ("tired",)

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        tired = [t == "sloth" for t in batch.column("text").to_pylist()]
        return first_reason(batch.num_rows, ("tired", pa.array(tired)))


class Helped(Map):
    """Says where the machine made another do the work."""

    machine_column = "helped"
    machine_reasons = ("timeout",)

    def adds(self) -> Mapping[str, pa.DataType]:
        return {"helped": pa.string()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        why = {"slow": "timeout", "odd": "error"}
        helped = [why.get(t) for t in batch.column("text").to_pylist()]
        return with_columns(batch, {"helped": pa.array(helped, pa.string())})


class Liar(Map):
    """Loses a row."""

    def adds(self) -> Mapping[str, pa.DataType]:
        return {}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.slice(1)


class Undeclared(Flaky):
    """Gives a reason it never declared."""

    def reasons(self) -> tuple[str, ...]:
        return ("other",)


def run(made: Any) -> tuple[Any, pa.Table, pa.Table]:
    folder, rounds = made
    execute(folder, rounds, LocalRunner())
    manifest = folder.manifest("documents", 0)
    kept = pq.read_table(folder.file("documents", 0, "kept.parquet"))
    return manifest, kept, pq.read_table(folder.file("documents", 0, "rejected.parquet"))


def test_kept_and_rejected_with_signals(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]
) -> None:
    paths = write_docs(["a", "abc", "abcdefg", {"id": "x"}, "sloth"])
    stages = [("between", Between()), ("flaky", Flaky())]
    manifest, kept, rejected = run(make_run(paths, stages))
    assert kept["text"].to_pylist() == ["abc"]
    assert kept["size"].to_pylist() == [3]
    assert "read.problem" not in kept.column_names
    told = zip(*(rejected[c].to_pylist() for c in ("stage", "reason", "size")), strict=True)
    assert sorted(told, key=str) == [
        ("between", "long", 7),
        ("between", "short", 1),
        ("flaky", "tired", 5),
        ("read", "no_text", None),
    ]
    assert [(s.name, s.docs_in, s.docs_out) for s in manifest.stages] == [
        ("read", 5, 4),
        ("between", 4, 2),
        ("flaky", 2, 1),
    ]
    assert manifest.verdicts == ((4, "tired"),)


def test_kept_documents_of_which_the_machine_decided_are_verdicts_too(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]
) -> None:
    made = make_run(write_docs(["fine", "slow", "odd"]), [("helped", Helped())])
    manifest, kept, _ = run(made)
    assert kept["helped"].to_pylist() == [None, "timeout", "error"]
    assert manifest.verdicts == ((1, "timeout"),)


def test_a_batch_that_loses_everything_before_a_later_map(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]
) -> None:
    """70 documents are two batches; the first is all sloths, so Size never sees a row of it."""
    paths = write_docs(["sloth"] * 64 + ["abc"] * 6)
    stages = [("flaky", Flaky()), ("between", Between())]
    manifest, kept, rejected = run(make_run(paths, stages))
    assert kept["size"].to_pylist() == [3] * 6
    assert rejected["size"].to_pylist() == [None] * 64
    assert [(s.name, s.docs_in, s.docs_out) for s in manifest.stages] == [
        ("read", 70, 70),
        ("flaky", 70, 6),
        ("between", 6, 6),
    ]


def test_rejected_text_is_kept_as_configured(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]
) -> None:
    long = "wörd " * 300
    paths = write_docs([long])
    folder, rounds = make_run(paths, [("between", Between())])
    for policy, expected in (("excerpt", long[:EXCERPT]), ("text", long), ("ids", None)):
        work = rounds[0].work
        other = type(rounds[0])(f"documents.{policy}", Segment(None, work.steps, policy))
        execute(folder, [other], LocalRunner())
        table = pq.read_table(folder.file(other.name, 0, "rejected.parquet"))
        found = table["text"].to_pylist()[0] if "text" in table.column_names else None
        assert found == expected


@pytest.mark.parametrize(
    ("stage", "message"),
    [(Liar(), "a Map must not"), (Undeclared(), r"undeclared reasons \['tired'\]")],
)
def test_a_stage_is_held_to_its_declaration(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any], stage: Any, message: str
) -> None:
    folder, rounds = make_run(write_docs(["sloth", "b"]), [("bad", stage)])
    with pytest.raises(ShardError, match=message):
        execute(folder, rounds, LocalRunner())
    assert folder.manifest("documents", 0) is None


def test_a_missing_column_is_noticed_before_any_work() -> None:
    steps = (Step("read", Read()), Step("size", Size()))
    with pytest.raises(ConfigError, match="stage size needs column text, which nothing before"):
        columns_after(PAGE, steps)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(docs=st.lists(st.text(max_size=8) | st.just({"id": 1}), max_size=200), low=st.integers(0, 5))
def test_nothing_vanishes(
    write_docs: Callable[..., list[Path]],
    make_run: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    docs: list[Any],
    low: int,
) -> None:
    docs = ["x", *docs]
    paths = write_docs(docs)
    out = str(tmp_path_factory.mktemp("law") / "out")
    manifest, kept, rejected = run(make_run(paths, [("b", Between(low=low))], out=out))
    keys = kept["key"].to_pylist() + rejected["key"].to_pylist()
    assert len(keys) == len(set(keys)) == len(docs)
    assert manifest.stages[0].docs_in == len(keys)
    assert manifest.stages[-1].docs_out == kept.num_rows
    assert sum(sum(s.drops.values()) for s in manifest.stages) == rejected.num_rows
