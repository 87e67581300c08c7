"""``contamination``, with runs, single stages and ``whatif`` of the stage it reports on."""

import json
from pathlib import Path
from typing import Any

import pytest

import gristmill
from gristmill.cli import run_cli
from gristmill.recipe import parse_recipe

ITEMS = [
    "A miller grinds nine sacks of rye before noon and four sacks of oats after it, all alone.",
    "Why does the water wheel of the old mill turn more slowly when the river freezes over?",
    "The baker of the village buys flour of spelt on Mondays and flour of rye on Thursdays only.",
]
LONG = " ".join(f"{ITEMS[2]} It was said in {month}." for month in ("March", "April", "May"))
FILLER = "Visitors may come any day but Monday, and children pay half of what their parents do. "


@pytest.fixture
def evals(tmp_path: Path) -> list[str]:
    """Two files; the second has one long item and one that is too short."""
    bodies = {"quiz": [{"q": ITEMS[0]}, {"q": ITEMS[1]}], "read": [{"p": LONG}, {"p": "Why?"}]}
    for name, items in bodies.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    return [str(tmp_path / f"{name}.jsonl") for name in bodies]


@pytest.fixture
def out(tmp_path: Path, evals: list[str]) -> Path:
    """Two shards; a page that is touched comes twice and loses its copy later."""
    touched = f"{FILLER} {' '.join(LONG.split()[:14])} {FILLER}"
    texts = [
        [FILLER * 3, f"{FILLER}{ITEMS[0]}", touched],
        [ITEMS[0].upper(), f"{' '.join(ITEMS[1].split()[:14])} {FILLER}", touched, "Another."],
    ]
    for shard, rows in enumerate(texts):
        lines = [
            {"id": f"d{shard}{i}", "url": f"https://mill.example/{shard}/{i}", "text": text}
            for i, text in enumerate(rows)
        ]
        path = tmp_path / f"docs-{shard}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    body = {
        "inputs": {"jsonl": str(tmp_path / "docs-*.jsonl")},
        "stages": [{"decontaminate": {"evals": evals}}, "exact_dedup"],
    }
    gristmill.run(parse_recipe(body, "test"), tmp_path / "out")
    return tmp_path / "out"


def shown(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    assert run_cli([str(a) for a in arguments]) == code
    told = capsys.readouterr()
    return json.loads(told.out) if "--json" in arguments else told.out + told.err


def test_json(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = shown(capsys, "contamination", out, "--json")
    assert body["run_id"] == gristmill.report(out).run_id
    assert body["notes"] == []
    quiz = {"items": 2, "unused": 0, "items_hit": 2, "docs_dropped": 3, "docs_touched": 0}
    read = {"items": 2, "unused": 1, "items_hit": 0, "docs_dropped": 0, "docs_touched": 1}
    assert body["files"] == [{"file": "quiz.jsonl"} | quiz, {"file": "read.jsonl"} | read]
    first, second = body["dropped"]
    n = len(ITEMS[0].split()) - 12
    assert first == {
        "item": "quiz.jsonl:1", "docs": 2, "key": 1, "id": "d01",
        "url": "https://mill.example/0/1", "share": 1.0, "ngrams": n,
    }  # fmt: skip
    assert (second["item"], second["docs"], second["ngrams"]) == ("quiz.jsonl:2", 1, 2)
    assert second["share"] == pytest.approx(2 / (len(ITEMS[1].split()) - 12))
    (touched,) = body["touched"]
    assert (touched["item"], touched["docs"], touched["ngrams"]) == ("read.jsonl:1", 1, 2)
    assert 0 < touched["share"] < 0.25
    drops = {stage.name: stage.drops for stage in gristmill.report(out).stages}
    assert drops["decontaminate"] == {"contaminated": 3}
    assert drops["exact_dedup"] == {"exact_duplicate": 1}


def test_on_the_terminal(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(capsys, "contamination", out, "--top", "1")
    assert "quiz.jsonl 2 0 2 3 0" in " ".join(told.split())
    assert "dropped: 3 documents" in told
    assert "quiz.jsonl:1  2 docs, e.g. 100% of it in https://mill.example/0/1 (key 1)" in told
    assert "… and 1 more items" in told
    assert "touched, kept: 1 documents" in told
    assert "read.jsonl:1  1 docs" in told


def test_evaluation_sets_that_changed_or_went(
    out: Path, evals: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = shown(capsys, "contamination", out, "--json")
    Path(evals[0]).write_text(json.dumps({"q": LONG}))
    body = shown(capsys, "contamination", out, "--json")
    assert body["notes"] == ["items are not counted, changed since the run: quiz.jsonl"]
    assert [file["items"] for file in body["files"]] == [None, 2]
    assert (body["dropped"], body["touched"]) == (before["dropped"], before["touched"])
    Path(evals[0]).unlink()
    body = shown(capsys, "contamination", out, "--json")
    assert "items are not counted: decontaminate: cannot read" in body["notes"][0]
    assert [file["items"] for file in body["files"]] == [None, None]
    assert [file["docs_dropped"] for file in body["files"]] == [3, 0]
    assert "–" in shown(capsys, "contamination", out)


def test_whatif_judges_again(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = gristmill.whatif(out, ["decontaminate.min_share=0"])
    assert found.new[1].drops == {"contaminated": 5}
    assert {e.signals["decontaminate.share"] < 0.25 for e in found.examples} == {True}
    assert gristmill.whatif(out, ["decontaminate.min_ngrams=4"]).new[1].drops == {"contaminated": 2}
    told = shown(capsys, "whatif", out, "--set", "decontaminate.ngram=8", code=2)
    assert "ngram 13 -> 8 changes what is measured" in told
    assert "can change: min_ngrams, min_share" in told


def test_what_has_no_report(
    out: Path, token_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = shown(capsys, "contamination", token_run.out, code=2)
    assert "its recipe has no stage decontaminate" in told
    assert "no run here" in shown(capsys, "contamination", tmp_path, code=2)
    damaged = out / "curate" / "00001.rejected.parquet"
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    assert "cannot be read" in shown(capsys, "contamination", out, code=4)
    damaged.unlink()
    assert "missing" in shown(capsys, "contamination", out, code=4)
    (out / "documents" / "round.json").unlink()
    (out / "curate" / "round.json").unlink()
    assert "not finished" in shown(capsys, "contamination", out, code=3)


def test_the_stage_alone(
    evals: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "x.jsonl"
    docs.write_text("".join(json.dumps({"text": text}) + "\n" for text in [ITEMS[0], FILLER]))
    command = ["stage", "decontaminate", "--in", docs, "--out", tmp_path / "y"]
    told = shown(capsys, *command, code=2)
    assert "no evaluation sets; name JSONL files" in told
    shown(capsys, *command, "--set", f"evals={evals[0]}")
    assert gristmill.report(tmp_path / "y").stages[-1].drops == {"contaminated": 1}
    more = ["--set", f"evals=[{evals[0]},{evals[1]}]", "--out", tmp_path / "z"]
    shown(capsys, *command[:4], *more)
    # Another content of an evaluation set is another run.
    Path(evals[0]).write_text(json.dumps({"q": LONG}))
    told = shown(capsys, *command, "--set", f"evals={evals[0]}", code=2)
    assert "assets.decontaminate.quiz.jsonl" in told
