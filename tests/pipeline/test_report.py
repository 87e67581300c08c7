"""The figures of a run: the promised object, unfinished runs, laws that must hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.api import prepare, reopen
from gristmill.errors import CorruptError
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.report import check_chain, make_report
from gristmill.pipeline.run import LocalRunner, execute

STAGE_KEYS = {"name", "docs_in", "docs_out", "drops", "cpu_seconds"}


def test_the_object_has_the_promised_shape(small_demo: Any) -> None:
    body = json.loads(json.dumps(small_demo.report.to_dict()))
    assert list(body) == [
        "run_id", "recipe", "stages", "tokens", "shards", "flags", "figures", "complete"
    ]  # fmt: skip
    assert body["complete"] is True
    # The files themselves stand in the plan, so that one crawl spelt in two ways is one run.
    spelt = {"warc": [], "parquet": [], "jsonl": []}
    recipe = small_demo.recipe.to_dict()
    assert body["recipe"] == recipe | {"inputs": recipe["inputs"] | spelt}
    assert all(set(stage) == STAGE_KEYS for stage in body["stages"])
    names = [name for entry in body["recipe"]["stages"] for name in entry]
    assert [s["name"] for s in body["stages"]] == ["read", *names, "tokenizer", "tokens", "shards"]
    assert all(isinstance(stage["cpu_seconds"], float) for stage in body["stages"])
    assert set(body["tokens"]) == {"train", "val"}
    assert all(set(s) == {"path", "tokens", "docs", "sha256"} for s in body["shards"])
    assert all((small_demo.out / shard["path"]).is_file() for shard in body["shards"])
    assert sum(shard["tokens"] for shard in body["shards"]) == sum(body["tokens"].values())
    assert body["flags"]["record:request"] >= body["stages"][0]["docs_in"]
    figures = body["figures"]["minhash_dedup"]
    assert figures["pairs_compared"] - figures["pairs_refuted"] == figures["edges"] > 0


def test_every_document_is_accounted_for(small_demo: Any) -> None:
    stages = small_demo.report.stages
    for stage in stages:
        assert stage.docs_in == stage.docs_out + sum(stage.drops.values())
    check_chain(stages)
    assert sum(shard["docs"] for shard in small_demo.report.shards) == stages[-1].docs_out


def test_a_run_reads_the_same_from_its_folder(small_demo: Any) -> None:
    assert make_report(*reopen(small_demo.out)) == small_demo.report


def test_an_unfinished_run_says_what_is_missing(small_demo: Any, tmp_path: Path) -> None:
    folder, rounds = prepare(small_demo.recipe, tmp_path / "out")
    nothing = make_report(folder, rounds)
    assert nothing.to_dict()["complete"] is False
    assert dict(nothing.missing)["curate"] == 2
    assert {name for name, _ in nothing.missing} == {round_.name for round_ in rounds}
    assert nothing.stages == ()


def test_a_run_that_lost_its_end(small_demo: Any, tmp_path: Path) -> None:
    out = small_demo.copy(tmp_path / "out")
    for path in (out / "shards").iterdir():
        path.unlink()
    report = make_report(*reopen(out))
    assert dict(report.missing).keys() == {"shards.write", "shards.set"}
    assert report.shards == ()
    assert report.tokens == {"train": 0, "val": 0}
    assert report.stages[-1].name == "tokens"


def test_one_missing_manifest_of_two(small_demo: Any, tmp_path: Path) -> None:
    out = small_demo.copy(tmp_path / "out")
    for name in ("00001.manifest.json", "round.json"):
        (out / "documents" / name).unlink()
    assert dict(make_report(*reopen(out)).missing) == {"documents": 1}


def test_mixed_manifests_are_noticed(token_run: Any, tmp_path: Path) -> None:
    out = token_run.copy(tmp_path / "out")
    path = next((out / "tokens").glob("encode-*.manifest.json"))
    body = json.loads(path.read_text())
    body["stages"][0] |= {"docs_in": 1, "docs_out": 1}
    path.write_text(json.dumps(body))
    with pytest.raises(CorruptError, match="tokenizer let 60 documents out, tokens got 1"):
        make_report(*reopen(out))


def test_the_chain_law() -> None:
    a = StageCount(name="a", docs_in=5, docs_out=3, drops={"x": 2})
    check_chain([])
    check_chain([a])
    check_chain([a, StageCount(name="b", docs_in=3, docs_out=3)])
    with pytest.raises(CorruptError, match="a let 3 documents out, b got 4: manifests"):
        check_chain([a, StageCount(name="b", docs_in=4, docs_out=4)])


def test_cpu_seconds_come_from_the_side_log(token_run: Any, tmp_path: Path) -> None:
    out = token_run.copy(tmp_path / "out")
    for path in (out / "log").glob("*/*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"cpu": {"tokenizer": 1.5}}))
    folder, rounds = reopen(out)
    logs = len(list(folder.logs()))
    stages = {s["name"]: s["cpu_seconds"] for s in make_report(folder, rounds).to_dict()["stages"]}
    assert stages["tokenizer"] == 1.5 * logs
    assert stages["tokens"] == 0.0
    execute(folder, rounds, LocalRunner())
    assert len(list(folder.logs())) == logs


def test_as_text_it_is_the_funnel_line_by_line(small_demo: Any) -> None:
    lines = str(small_demo.report).splitlines()
    assert lines[0] == f"demo, run {small_demo.report.run_id}"
    for stage, line in zip(small_demo.report.stages, lines[1:], strict=False):
        assert line.split()[:5] == [
            stage.name, f"{stage.docs_in:,}", "in", f"{stage.docs_out:,}", "out"
        ]  # fmt: skip
        assert all(f"{reason} {n:,}" in line for reason, n in stage.drops.items())
    assert lines[-1].startswith("tokens: {'train': ")
