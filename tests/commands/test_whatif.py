"""``whatif`` against new runs of the demo and of real pages; its refusals and its output."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import gristmill
from gristmill.cli import run_cli
from gristmill.errors import ConfigError
from gristmill.recipe import parse_recipe
from gristmill.settings import override

#: Stages as in ``fineweb``, with the quick extractor and without what needs all documents in view.
STAGES = [
    "url_filter", {"extract": {"engine": "resiliparse"}}, "language", "gopher_repetition",
    "gopher_quality", {"c4": {"filter_no_terminal_punct": False}}, "fineweb_quality",
]  # fmt: skip
TIGHTEN = ["gopher_quality.min_words=300", "fineweb_quality.max_short_lines=0.4"]
LOOSEN = [
    "language.threshold=0.3", "gopher_repetition.top_2_gram=null", "gopher_repetition.top_4_gram=1",
    "gopher_quality.min_words=10", "gopher_quality.max_bullet_lines=null",
    "c4.filter_curly_bracket=false",
]  # fmt: skip
MIXED = [
    "language.threshold=0.8", "gopher_repetition.dup_line_frac=0.9", "gopher_quality.min_words=70",
    "gopher_quality.min_alpha_words=0.6", "c4.min_sentences=3", "c4.filter_lorem_ipsum=false",
    "fineweb_quality.min_line_punct=0.3",
]  # fmt: skip


def curate(out: Path, warcs: Sequence[Path], settings: Sequence[str]) -> None:
    body = {"name": "w", "stages": [*STAGES, "exact_dedup"]}
    recipe = parse_recipe(override(body, settings, [str(w) for w in warcs]), "test")
    gristmill.run(recipe, out)


@pytest.fixture(scope="module")
def demo_signals(demo_warcs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A curation of two files of the demo crawl."""
    out = tmp_path_factory.mktemp("whatif") / "out"
    curate(out, demo_warcs, [])
    return out


@pytest.mark.parametrize("settings", [TIGHTEN, LOOSEN, MIXED])
def test_it_equals_a_new_run_of_the_demo(
    demo_signals: Path, demo_warcs: list[Path], tmp_path: Path, settings: list[str]
) -> None:
    curate(tmp_path / "again", demo_warcs, settings)
    found, real = gristmill.whatif(demo_signals, settings), gristmill.report(tmp_path / "again")
    assert found.old == gristmill.report(demo_signals).stages
    assert found.new[:-1] == real.stages[:-1]
    assert found.new[:-1] != found.old[:-1]
    assert found.not_foreseen == ["exact_dedup"]
    assert found.unforeseen == {}


@pytest.mark.real_data
def test_it_equals_a_new_run_of_real_pages(shared_data: Path, tmp_path: Path) -> None:
    warc = min((shared_data / "warc").rglob("*.warc.gz"), key=lambda path: path.stat().st_size)
    curate(tmp_path / "old", [warc], [])
    curate(tmp_path / "new", [warc], MIXED)
    found = gristmill.whatif(tmp_path / "old", MIXED)
    assert found.new[:-1] == gristmill.report(tmp_path / "new").stages[:-1]
    assert found.new[:-1] != found.old[:-1]


def test_without_a_change_it_is_the_report(
    small_demo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for settings in ([], ["--set", "gopher_quality.min_words=50"]):
        assert run_cli(["whatif", str(small_demo.out), "--json", *settings]) == 0
        body = json.loads(capsys.readouterr().out)
        assert body["run_id"] == small_demo.report.run_id
        assert [s["name"] for s in body["stages"]] == [s.name for s in small_demo.report.stages]
        assert all(stage["new"] == stage["old"] and stage["exact"] for stage in body["stages"])
        assert (body["changes"], body["examples"], body["notes"]) == ({}, [], [])
    assert run_cli(["whatif", str(small_demo.out)]) == 0
    assert "nothing changes" in capsys.readouterr().out


def test_json_says_what_changes_and_what_is_not_foreseen(
    small_demo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--set", "gopher_quality.min_words=1000", "--examples", "2", "--json"]
    assert run_cli(["whatif", str(small_demo.out), *arguments]) == 0
    body = json.loads(capsys.readouterr().out)
    stages = {stage["name"]: stage for stage in body["stages"]}
    assert body["changes"] == {"gopher_quality.min_words": {"old": 50, "new": 1000}}
    assert body["not_foreseen"] == [
        "exact_dedup", "minhash_dedup", "pii", "tokenizer", "tokens", "shards"
    ]  # fmt: skip
    assert stages["exact_dedup"]["new"] is None
    old, new = (stages["fineweb_quality"][which] for which in ("old", "new"))
    lost = body["documents"]["newly_dropped"] - body["documents"]["newly_kept"]
    assert new["docs_out"] == old["docs_out"] - lost < old["docs_out"]
    assert len(body["examples"]) == 2
    for example in body["examples"]:
        assert (example["old"], example["new"]) == ("kept", "gopher_quality: gopher_short_doc")
        assert 50 <= example["signals"]["gopher.words"] < 1000
        assert example["url"].startswith("https://")


def test_on_the_terminal(small_demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["url_filter.soft_word_threshold=3", "gopher_quality.min_words=1000"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    assert run_cli(["whatif", str(small_demo.out), *arguments, "--examples", "1"]) == 0
    told = capsys.readouterr().out
    found = gristmill.whatif(small_demo.out, settings)
    stages = [s for s in (*found.old, *found.new) if s and s.name == "gopher_quality"]
    short = [s.drops["gopher_short_doc"] for s in stages]
    assert f"gopher_short_doc {short[0]} {short[1]} +{short[1] - short[0]}" in " ".join(
        told.split()
    )
    assert f"documents: 0 newly kept, {found.documents['newly_dropped']} newly dropped" in told
    n = found.unforeseen["prescreen"]
    assert (
        f"unforeseen: {n} documents would now reach prescreen; their pages are not stored" in told
    )
    assert "not foreseen: exact_dedup, minhash_dedup, pii" in told
    assert re.search(r"exact_dedup +not foreseen +\d+ +–", told)
    assert "kept → gopher_quality: gopher_short_doc  https://" in told
    assert "gopher_quality.min_words 50 → 1000" in told


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("c4.min_words_per_line=2", "c4: min_words_per_line 3 -> 2 changes what is measured"),
        ("minhash_dedup.verify=null", "minhash_dedup: compares documents with each other"),
        ("keep_rejected=ids", "keep_rejected: whatif changes thresholds of stages only"),
        ("shards.seed=2", "shards: whatif changes thresholds of stages only"),
        ("stages=[exact_dedup]", "stages: whatif changes their thresholds only"),
        ("gopher_quality.min_wrods=3", "unknown key min_wrods; did you mean min_words"),
    ],
)
def test_what_signals_cannot_tell_is_refused(
    small_demo: Any, setting: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["whatif", str(small_demo.out), "--set", setting]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert message in told.err


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run here \(plan.json is missing\)"):
        gristmill.whatif(tmp_path)


def test_other_versions_are_named(token_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.api.installed_versions", lambda: {"pyarrow": "0.1"})
    (note,) = gristmill.whatif(token_run.out).notes
    assert "made with other versions" in note
    assert "pyarrow (" in note
    assert ", now 0.1)" in note
