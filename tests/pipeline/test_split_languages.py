"""One file a language: conserved, deterministic, safely named."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.api import reopen, run
from gristmill.errors import ConfigError
from gristmill.pipeline import split_languages
from gristmill.pipeline.manifest import OutputFile
from gristmill.pipeline.split_languages import file_label
from gristmill.pipeline.verify import verify
from gristmill.recipe import parse_recipe

LANGUAGES = ["de", "en", None, "de", "../x", "eng_Latn", "", "de", "EN"]


@pytest.fixture
def recipe(tmp_path: Path):
    files = []
    for shard in range(2):
        labels = LANGUAGES[shard:]
        table = pa.table({"text": [f"text {shard} {i}" for i in range(len(labels))],
                          "language": pa.array(labels, pa.string())})  # fmt: skip
        files.append(str(tmp_path / f"in-{shard}.parquet"))
        pq.write_table(table, files[-1])
    body = {"name": "split", "inputs": {"parquet": files}, "stages": ["split_languages"]}
    return parse_recipe(body, "test")


def files_of(out: Path) -> dict[str, list[dict]]:
    found = sorted((out / "split_languages").glob("*.parquet"))
    return {path.name: pq.read_table(path).to_pylist() for path in found}


def test_every_document_goes_to_the_file_of_its_language(recipe, tmp_path: Path):
    report = run(recipe, tmp_path / "out")
    assert (report.stages[-1].docs_in, report.stages[-1].docs_out) == (17, 17)
    files = files_of(tmp_path / "out")
    assert [r["text"] for r in files["00000.de.parquet"]] == ["text 0 0", "text 0 3", "text 0 7"]
    assert [r["text"] for r in files["00001.de.parquet"]] == ["text 1 2", "text 1 6"]
    assert [r["language"] for r in files["00000.und.parquet"]] == [None]
    for name, rows in files.items():
        assert {f"{name[:5]}.{file_label(r['language'])}.parquet" for r in rows} == {name}
    documents = sorted((tmp_path / "out/documents").glob("*.kept.parquet"))
    before = [row for path in documents for row in pq.read_table(path).to_pylist()]
    after = [row for rows in files.values() for row in rows]
    assert sorted(after, key=lambda r: r["key"]) == sorted(before, key=lambda r: r["key"])
    folder, rounds = reopen(tmp_path / "out")
    assert verify(folder, rounds, deep=10) == []
    manifest = folder.manifest("split_languages", 0)
    assert manifest.facts["languages"]["de"] == 3
    assert sum(output.docs for output in manifest.outputs) == 9


def test_few_open_files_give_the_same_bytes(recipe, tmp_path: Path, monkeypatch):
    run(recipe, tmp_path / "one")
    monkeypatch.setattr(split_languages, "_OPEN", 2)
    run(recipe, tmp_path / "two")
    for path in (tmp_path / "one/split_languages").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "two/split_languages" / path.name).read_bytes()


def test_together_with_label_only(tmp_path: Path):
    texts = ["The weather was fine, so we walked along the river.",
             "Das Wetter war schön, also gingen wir am Fluss entlang.", "123"]  # fmt: skip
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    body = {
        "name": "label",
        "inputs": {"jsonl": str(source)},
        "stages": [{"language": {"keep": [], "threshold": None}}, "split_languages"],
    }
    run(parse_recipe(body, "test"), tmp_path / "out")
    files = files_of(tmp_path / "out")
    assert {name: rows[0]["text"] for name, rows in files.items()} == {
        "00000.en.parquet": texts[0],
        "00000.de.parquet": texts[1],
        "00000.und.parquet": texts[2],
    }


def test_an_empty_shard_has_no_files_but_a_manifest(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": "123"}) + "\n")
    body = {"name": "none", "inputs": {"jsonl": str(source)},
            "stages": ["language", "split_languages"]}  # fmt: skip
    report = run(parse_recipe(body, "test"), tmp_path / "out")
    assert report.stages[-1].docs_in == 0
    assert files_of(tmp_path / "out") == {}


def test_it_stands_last_and_needs_a_language(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": "x"}) + "\n")
    for stages, message in (
        (["language", "split_languages", "pii"], "put it last in the recipe, after pii"),
        (["split_languages"], "split_languages needs column language"),
    ):
        body = {"name": "x", "inputs": {"jsonl": str(source)}, "stages": stages}
        with pytest.raises(ConfigError, match=message):
            run(parse_recipe(body, "test"), tmp_path / "out")


@given(st.lists(st.none() | st.text() | st.sampled_from(["de", "..", "a/b", "und", "CON.", "é"])))
def test_any_label_makes_a_safe_name(labels):
    names = {label: file_label(label) for label in labels}
    for name in names.values():
        assert name.isascii()
        OutputFile(path=f"split_languages/00000.{name}.parquet", bytes=1, sha256="")
        assert "/" not in name
        assert len(name) <= 64
    distinct = {label or "und" if label is None else label for label in names}
    assert len(set(names.values())) == len(distinct)
