"""``run``, ``plan``, ``stage``, ``report``, ``verify``."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gristmill.cli import run_cli
from gristmill.recipe import STAGES

GOOD = (
    "The miller opens the sluice at seven in the morning, and the great wheel begins to turn. "
    "Her neighbour brings two bags of rye that were left in the barn since the end of summer. "
    "They talk about the weather and the price of corn while the stones warm up and find their "
    "pace. By noon the flour is in the sacks, and the cart can leave for the market in town. "
    "Nobody hurries on the way back, because the road is dry and the evening is long. "
)
TEXTS = [GOOD, "Too short.", GOOD, f"{GOOD} Write to miller@corn-exchange.com today."]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


def kept_texts(out: Path) -> list[str]:
    return pq.read_table(out / "documents" / "00000.kept.parquet")["text"].to_pylist()  # type: ignore[no-any-return]


def reasons(out: Path) -> list[str]:
    path = out / "documents" / "00000.rejected.parquet"
    return pq.read_table(path)["reason"].to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "more", "kept", "why"),
    [
        ("language", ["--set", "keep=[de]"], [], ["language"] * 4),
        ("gopher_quality", [], [0, 2, 3], ["gopher_short_doc"]),
        ("gopher_quality", ["--set", "gopher_quality.min_words=1"], None, None),
        ("c4", ["--set", "filter_no_terminal_punct=false"], [0, 2, 3], ["too_few_sentences"]),
        ("exact_dedup", [], [0, 1, 3], ["exact_duplicate"]),
    ],
)
def test_one_stage_alone(
    name: str, more: list[str], kept: list[int] | None, why: list[str] | None,
    docs: Path, tmp_path: Path,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    assert run_cli(["stage", name, "--in", str(docs), "--out", str(out), *more]) == 0
    if why is None:
        assert len(kept_texts(out)) + len(reasons(out)) == len(TEXTS)
        return
    assert reasons(out) == why
    assert [text.split()[:9] for text in kept_texts(out)] == [
        TEXTS[i].split()[:9] for i in kept or []
    ]


def test_pii_alone_rewrites_and_keeps_all(docs: Path, tmp_path: Path) -> None:
    assert run_cli(["stage", "pii", "--in", str(docs), "--out", str(tmp_path / "out")]) == 0
    texts = kept_texts(tmp_path / "out")
    assert texts[:3] == TEXTS[:3]
    assert "miller@corn-exchange.com" not in texts[3]
    assert texts[3].startswith(GOOD)


def test_extract_alone_on_a_warc_of_our_own(tmp_path: Path) -> None:
    from gristmill.demo.model import Capture
    from gristmill.demo.records import RecordWriter

    body = f"<html><body><main><p>{GOOD}</p><p>{GOOD}</p></main></body></html>".encode()
    path = tmp_path / "in.warc.gz"
    with path.open("wb") as file:
        RecordWriter(file, path.name).write_all(
            [
                Capture("https://mill.example/", "en", "page", body),
                Capture("https://mill.example/none", "en", "page", b"<html></html>"),
            ]
        )
    out = tmp_path / "out"
    assert run_cli(["stage", "extract", "--in", str(path), "--out", str(out)]) == 0
    assert len(kept_texts(out)) == 1
    assert "The miller opens the sluice" in kept_texts(out)[0]
    assert len(reasons(out)) == 1
    # a stage that needs text extracts first
    more = tmp_path / "more"
    assert run_cli(["stage", "gopher_quality", "--in", str(path), "--out", str(more)]) == 0
    assert kept_texts(more) == kept_texts(out)


def test_a_stage_reads_what_another_wrote(docs: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert run_cli(["stage", "gopher_quality", "--in", str(docs), "--out", str(one)]) == 0
    for ledger, n in (("kept", 3), ("rejected", 1)):
        source = one / "documents" / f"00000.{ledger}.parquet"
        out = two / ledger
        assert run_cli(["stage", "pii", "--in", str(source), "--out", str(out)]) == 0
        assert len(kept_texts(out)) == n


#: What cannot run without a setting or a column that these tests do not give.
NEEDY = {
    "classifier": "no model; name a file",
    "decontaminate": "evals",
    "split_languages": "needs column language",
}


@pytest.mark.parametrize("name", sorted(NEEDY))
def test_what_a_stage_lacks_is_said(
    name: str, docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["stage", name, "--in", str(docs), "--out", str(tmp_path / "out")]) == 2
    assert NEEDY[name] in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(STAGES.keys() - NEEDY))
def test_no_stage_stumbles_over_nothing(name: str, tmp_path: Path) -> None:
    needs = "html" if name in ("extract", "prescreen") else "text"
    path = tmp_path / "in.jsonl"
    rows = (("", None), ("\0", ""), ("x", "https://a.example/"))
    path.write_text("".join(json.dumps({needs: t, "url": u}) + "\n" for t, u in rows))
    assert run_cli(["stage", name, "--in", str(path), "--out", str(tmp_path / "out")]) == 0


def test_an_unknown_stage_names_the_nearest(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["stage", "gopher_qualty", "--in", str(docs), "--out", str(tmp_path / "o")]) == 2
    assert "unknown stage gopher_qualty; did you mean gopher_quality?" in capsys.readouterr().err


def test_plan_writes_nothing_and_names_everything(
    demo_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run_cli(["plan", *demo_arguments]) == 0
    told = capsys.readouterr().out
    assert "minhash_dedup" in told
    assert "2 input files" in told
    assert run_cli(["plan", *demo_arguments, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["rounds"][0] == "curate"
    assert body["rounds"][-1] == "shards.set"
    assert body["run_id"] in told
    assert len(body["plan"]["inputs"]) == 2
    assert body["estimated_cpu_hours"] > 0
    assert list(tmp_path.iterdir()) == []


def test_plan_and_run_agree_on_the_run(
    small_demo: Any, demo_arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["plan", *demo_arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == small_demo.report.run_id


def test_report(small_demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["report", str(small_demo.out)]) == 0
    assert "gopher_repetition" in capsys.readouterr().out
    assert run_cli(["report", str(small_demo.out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(
        json.dumps(small_demo.report.to_dict())
    )


def test_verify_good_incomplete_corrupt(
    token_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = token_run.copy(tmp_path / "out")
    assert run_cli(["verify", str(out), "--quick"]) == 0
    assert run_cli(["verify", str(out), "--deep", "2"]) == 0
    assert "all good" in capsys.readouterr().out
    assert run_cli(["verify", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    (out / "shards" / "set-00000.manifest.json").unlink()
    assert run_cli(["verify", str(out)]) == 3
    assert "incomplete: " in capsys.readouterr().out
    (out / "documents" / "00000.kept.parquet").write_bytes(b"")
    assert run_cli(["verify", str(out), "--json"]) == 4
    told = capsys.readouterr()
    assert {f["kind"] for f in json.loads(told.out)} == {"incomplete", "corrupt"}
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("name", [*(n for n in STAGES if n not in NEEDY), "tokenizer", "dataset"])
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "warc"])
def test_every_stage_alone_on_every_kind_of_input(
    name: str, kind: str, docs: Path, demo_warcs: list[Path], tmp_path: Path
) -> None:
    source = docs
    if kind == "parquet":
        assert (
            run_cli(["stage", "exact_dedup", "--in", str(docs), "--out", str(tmp_path / "p")]) == 0
        )
        source = next((tmp_path / "p" / "documents").glob("*.kept.parquet"))
    elif kind == "warc":
        source = demo_warcs[0]
    more = ["--set", "vocab_size=300"] if name == "tokenizer" else []
    out = tmp_path / "out"
    code = run_cli(["stage", name, "--in", str(source), "--out", str(out), *more])
    assert code == (2 if name in ("extract", "prescreen") and kind != "warc" else 0)


def test_a_dataset_from_what_a_run_wrote(docs: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert run_cli(["stage", "language", "--in", str(docs), "--out", str(one)]) == 0
    command = ["stage", "dataset", "--in", f"{one}/documents/*.kept.parquet", "--out", str(two)]
    settings = ["--set", "val_fraction=0", "--set", "columns=[language]", "--set", "license=odc-by"]
    assert run_cli([*command, *settings]) == 0
    (path,) = (two / "dataset").glob("*.parquet")
    assert path.name == "train-00000-of-00001.parquet"
    assert pq.read_table(path).column_names == ["text", "id", "url", "language"]
    assert pq.read_table(path)["text"].to_pylist() == kept_texts(one)
    assert "\nlicense: odc-by\n" in (two / "dataset" / "README.md").read_text("utf-8")


def test_the_remedy_that_verify_names_works(docs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["stage", "exact_dedup", "--in", str(docs), "--out", str(out)]
    assert run_cli(command) == 0
    (out / "documents/00000.kept.parquet").write_bytes(b"damaged")
    assert run_cli(["verify", str(out)]) == 4
    (out / "documents/00000.manifest.json").unlink()
    assert run_cli(command) == 0
    assert run_cli(["verify", str(out)]) == 0


def test_parameters_in_a_plan_are_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs.jsonl").write_text('{"text": "The mill."}\n')
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nstages: []\ntokenizer: {train: {pattern: '[/b]+'}}\n")
    assert run_cli(["plan", str(recipe), "--input", str(tmp_path / "docs.jsonl")]) == 0
    assert "[/b]+" in capsys.readouterr().out
