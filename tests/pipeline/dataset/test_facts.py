"""The card's figures are those of the rounds that made the documents, and of no others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gristmill.errors import CorruptError
from gristmill.pipeline.dataset.facts import Split, gather_facts
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.shard import Draft, RunFolder

SCHEMA = pa.schema([("text", pa.string())])


@pytest.fixture
def folder(bare_run: Callable[[int], RunFolder]) -> RunFolder:
    return bare_run(2)


def publish(folder: RunFolder, name: str, *tasks: dict[str, Any]) -> None:
    for task, body in enumerate(tasks):
        draft = Draft(folder, name, task)
        for key, value in body.items():
            if key == "file":
                path, docs, content = value
                draft.path(path, docs=docs).write_bytes(content)
            else:
                setattr(draft, key, value)
        folder.publish(draft)
    folder.seal(name, len(tasks))


def count(name: str, docs_in: int, docs_out: int) -> StageCount:
    drops = {"short": docs_in - docs_out} if docs_in > docs_out else {}
    return StageCount(name=name, docs_in=docs_in, docs_out=docs_out, drops=drops)


def _file(name: str, docs: int, body: bytes, split: str, nbytes: int, text_bytes: int) -> dict:
    facts = {"split": split, "nbytes": nbytes, "text_bytes": text_bytes}
    return {"file": (name, docs, body), "facts": facts}


def lay(folder: RunFolder, documents: tuple[StageCount, StageCount]) -> None:
    first = {"stages": [count("read", 10, 8)], "verdicts": [(3, "cpu_limit")]}
    publish(folder, "curate", first, {"stages": [count("read", 5, 5)]})
    publish(folder, "exact_dedup.hashes", {}, {})
    publish(folder, "documents", *({"stages": [stage]} for stage in documents))
    publish(
        folder,
        "layout.measure",
        {"facts": {"languages": {"de": 1, "en": 5}}},
        {"facts": {"languages": {"": 2, "de": 4}}},
    )
    publish(
        folder,
        "dataset",
        {
            "file": ("a.parquet", 6, b"123"),
            "facts": {"split": "train", "nbytes": 90, "text_bytes": 70},
        },
        {
            "file": ("b.parquet", 5, b"4567"),
            "facts": {"split": "train", "nbytes": 80, "text_bytes": 50},
        },
        {
            "file": ("c.parquet", 1, b"8"),
            "facts": {"split": "validation", "nbytes": 7, "text_bytes": 30},
        },
    )
    publish(folder, "tokens", {"stages": [count("tokens", 1, 1)]})


ROUNDS = ("curate", "exact_dedup.hashes", "documents")


def test_figures_add_up_over_tasks(folder: RunFolder) -> None:
    lay(folder, (count("exact_dedup", 8, 7), count("exact_dedup", 5, 5)))
    found = gather_facts(folder, ROUNDS, "dataset", "layout.measure", SCHEMA)
    assert found.stages == (count("read", 15, 13), count("exact_dedup", 13, 12))
    assert found.verdicts == 1
    assert found.splits == (
        Split("train", files=2, docs=11, text_bytes=120, nbytes=170, size=7),
        Split("validation", files=1, docs=1, text_bytes=30, nbytes=7, size=1),
    )
    assert list(found.languages.items()) == [("de", 5), ("en", 5), ("", 2)]
    assert found.plan.name == "test"


def test_manifests_that_do_not_fit_together_are_found(folder: RunFolder) -> None:
    lay(folder, (count("exact_dedup", 9, 9), count("exact_dedup", 5, 5)))
    with pytest.raises(CorruptError, match="read let 13 documents out, exact_dedup got 14"):
        gather_facts(folder, ROUNDS, "dataset", "layout.measure", SCHEMA)


def test_a_split_without_files_is_left_out(folder: RunFolder) -> None:
    publish(folder, "documents", {})
    publish(folder, "layout.measure", {"facts": {"languages": {}}})
    publish(folder, "dataset", _file("a.parquet", 0, b"", "train", 0, 0))
    found = gather_facts(folder, ("documents",), "dataset", "layout.measure", SCHEMA)
    assert [split.name for split in found.splits] == ["train"]
    assert Path(found.plan.inputs[0].path).name == "0.jsonl"
