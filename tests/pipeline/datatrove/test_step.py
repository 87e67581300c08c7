"""Our stages inside datatrove's own executor: same documents, same counts, same exclusions."""

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import dill
import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters.c4 import C4
from gristmill.filters.gopher_quality import GopherQuality
from gristmill.filters.pii.stage import Pii
from gristmill.filters.url import UrlFilter
from gristmill.pipeline.datatrove.step import as_step
from gristmill.pipeline.dedup.exact import ExactDedup
from gristmill.pipeline.extract.stage import Extract

Rows = dict[str, dict[str, Any]]


def run(corpus: Path, out: Path, step: Any) -> tuple[Rows, dict[str, Any]]:
    """Read, one step, write; return what was written by id, and the step's counts."""
    executor = LocalPipelineExecutor(
        [JsonlReader(str(corpus)), step, JsonlWriter(str(out / "kept"))],
        tasks=2,
        workers=1,
        logging_dir=str(out / "log"),
    )
    stats = executor.run()
    return read(out / "kept"), stats.stats[1].stats.to_dict()


def read(folder: Path) -> Rows:
    rows = [
        json.loads(line)
        for path in sorted(folder.rglob("*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GopherQuality(min_words=80), {"kind": GopherQualityFilter, "min_doc_words": 80}),
        (C4(), {"kind": C4QualityFilter, "filter_no_terminal_punct": False}),
    ],
)
def test_in_their_executor_as_their_filter(
    ours: Any, theirs: dict[str, Any], corpus: Path, tmp_path: Path
) -> None:
    theirs = dict(theirs)
    kind = theirs.pop("kind")
    writers = [JsonlWriter(str(tmp_path / name / "out")) for name in ("ours", "theirs")]
    mine, my_counts = run(corpus, tmp_path / "ours", as_step(ours, writers[0]))
    hers, her_counts = run(corpus, tmp_path / "theirs", kind(exclusion_writer=writers[1], **theirs))
    assert 0 < len(mine) < 30
    assert {key: row["text"] for key, row in mine.items()} == {
        key: row["text"] for key, row in hers.items()
    }
    signals = set(ours.steps()[0].adds()) - {"text"}
    for row in mine.values():
        assert signals <= row["metadata"].keys()
        assert row["metadata"]["url"] == hers[row["id"]]["metadata"]["url"]
    counted = {
        key: value for key, value in her_counts.items() if not key.startswith("line-")
    }  # what it counts inside of a document
    my_counts.pop("batches")
    assert my_counts == counted
    gone, hers_gone = read(tmp_path / "ours/out"), read(tmp_path / "theirs/out")
    assert len(gone) == 30 - len(mine)
    for key, row in hers_gone.items():
        assert gone[key]["text"] == row["text"]
        assert gone[key]["metadata"]["filter_reason"] == row["metadata"]["filter_reason"]
        assert signals <= gone[key]["metadata"].keys()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["", "Write to a@b.example.", "lorem ipsum", "Rye. Oats. " * 9])),
    st.integers(1, 7),
)
def test_no_result_depends_on_the_batch_size(texts: list[str], size: int) -> None:
    def after(batch_size: int) -> list[Document]:
        docs = iter([Document(text=t, id=str(i)) for i, t in enumerate(texts)])
        return list(as_step(C4(), batch_size=batch_size).run(docs))

    assert after(size) == after(64)


def test_a_map_keeps_all_and_rewrites() -> None:
    docs = [Document("Write to a@b.example.", "x", metadata={"lang": "en"})]
    (doc,) = as_step(Pii()).run(iter(docs))
    assert "a@b.example" not in doc.text
    assert doc.metadata == {"lang": "en", "pii.email": 1, "pii.ip": 0}


def test_columns_come_from_the_metadata() -> None:
    step = as_step(UrlFilter(lists=(), extra_domains=("bad.com",)))
    docs = [
        Document("x", "0", metadata={"url": "https://bad.com/a"}),
        Document("x", "1", metadata={"url": "https://good.com/a"}),
        Document("x", "2"),
    ]
    assert [doc.id for doc in step.run(iter(docs))] == ["1"]
    assert step.stats["dropped_bad_url"].total == 1


def test_extraction_finds_the_page_in_the_text() -> None:
    words = "The miller opens the sluice at seven, and the great wheel begins to turn at last. "
    page = f"<html><body><article><p>{words * 5}</p><p>Größe — ж, says the miller.</p></article>"
    docs = [Document(page, "0", metadata={"url": "https://mill.example/"}), Document("", "1")]
    step = as_step(Extract())
    (doc,) = step.run(iter(docs))
    assert doc.text.startswith("The miller opens")
    assert "Größe — ж" in doc.text
    assert doc.metadata["extract.status"] == "ok"
    assert "html" not in doc.metadata
    assert step.stats["dropped_extract_empty"].total == 1


def test_what_arrow_cannot_hold_is_no_crash() -> None:
    """Surrogates come from JSON escapes; an id may be a number."""
    step = as_step(GopherQuality().steps()[0])  # type: ignore[arg-type]
    doc = Document(text="a mill\ud800 grinds", id=7, metadata={"url": "http://\udc00"})  # type: ignore[arg-type]
    assert next(iter(step([doc]))).text == "a mill\ud800 grinds"


def test_barriers_are_refused() -> None:
    with pytest.raises(ConfigError, match="ExactDedup needs all documents in view"):
        as_step(ExactDedup())  # type: ignore[arg-type]


def test_it_travels() -> None:
    for pickler in (pickle, dill):
        step = pickler.loads(pickler.dumps(as_step(GopherQuality(min_words=3))))
        assert step.stage == GopherQuality(min_words=3)
        assert step.filter(Document("Rye.", "0")) == (False, "gopher_short_doc")
        assert repr(step) == "⚙️ - GRISTMILL: GopherQuality"
