"""``tokenizer inspect`` and ``tokenizer report`` as people call them."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gristmill.cli import run_cli
from gristmill.tokenize.train import train_bpe

CORPUS = ["The mill grinds corn and rye. 물레방아가 돈다.\n\n  It doesn't stop."] * 20


@pytest.fixture(scope="module")
def bpes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("bpes")
    for name in ("gpt2", "gpt4"):
        (folder / f"{name}.json").write_text(train_bpe(iter(CORPUS), 320, name).to_str())
    return [str(folder / f"{name}.json") for name in ("gpt2", "gpt4")]


def shown(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    assert run_cli(["tokenizer", *(str(a) for a in arguments)]) == code
    told = capsys.readouterr()
    return json.loads(told.out) if "--json" in arguments else told.out + told.err


def test_inspect(bpes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "tokens.html"
    told = shown(capsys, "inspect", *bpes, "--text", "The mill 물", "--html", page)
    assert "The ·mill" in told
    assert f"{page}: written" in told
    assert page.read_text("utf-8").startswith("<!doctype html>")
    body = shown(capsys, "inspect", *bpes, "--text", "The mill 뷁", "--json")
    assert [t["name"] for t in body["tokenizers"]] == ["gpt2", "gpt4"]
    for one in body["tokenizers"]:
        raw = b"".join(bytes.fromhex(token["bytes"]) for token in one["tokens"])
        assert raw.decode() == body["text"] == "The mill 뷁"
        assert one["counts"]["tokens"] == len(one["tokens"])
        assert one["tokens"][-1]["text"] is None
    assert body["differences"] == []


def test_inspect_reads_files_and_stdin_up_to_a_limit(
    bpes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = tmp_path / "x.txt"
    path.write_text("물" * 50, "utf-8")
    body = shown(capsys, "inspect", bpes[0], "--in", path, "--max-chars", 7, "--json")
    assert body["text"] == "물" * 7
    assert body["note"] == "only the first 7 characters; --max-chars shows more"
    assert shown(capsys, "inspect", bpes[0], "--in", path, "--json")["note"] is None
    path.write_bytes(b"mill \xff")
    told = shown(capsys, "inspect", bpes[0], "--in", path)
    assert "not UTF-8" in told
    path.write_text("mill \ufffd", "utf-8")
    assert "not UTF-8" not in shown(capsys, "inspect", bpes[0], "--in", path)
    assert "not UTF-8" in shown(capsys, "inspect", bpes[0], "--text", "mill \udcff")
    raw = io.BytesIO(b"corn \x1b[31m")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=raw, isatty=lambda: False))
    told = shown(capsys, "inspect", bpes[0])
    assert "⟨U+001B⟩" in told
    assert "\x1b" not in told


def test_inspect_refuses(
    bpes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = shown(capsys, "inspect", bpes[0], "--text", "a", "--in", tmp_path, code=2)
    assert "give one of them" in told
    told = shown(capsys, "inspect", bpes[0], "--in", tmp_path / "none", code=2)
    assert "cannot be read" in told
    told = shown(capsys, "inspect", bpes[0], "--text", "a", "--html", tmp_path / "no/x", code=2)
    assert "there is no folder" in told
    assert "no such file" in shown(capsys, "inspect", "none.json", "--text", "a", code=2)


def test_report(bpes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = tmp_path / "docs.jsonl"
    rows = [{"text": "The mill grinds.", "language": "en"}, {"text": "방앗간 뷁", "language": "ko"}]
    docs.write_text("".join(json.dumps(row) + "\n" for row in rows * 3))
    page = tmp_path / "report.html"
    command = ["report", bpes[0], "--against", bpes[1], "--in", docs]
    body = shown(capsys, *command, "--html", page, "--json")
    assert body["note"] == "6 documents, 87 B, from 1 file"
    assert list(body["texts"]) == ["en", "ko"]
    assert [t["baseline"] for t in body["tokenizers"]] == [False, True]
    assert body["tokenizers"][0]["languages"]["ko"]["relative_to_english"]["per_word"] > 1
    assert "What a word costs" in page.read_text("utf-8")
    assert "relative to en" in shown(capsys, *command)
    body = shown(capsys, *command, "--max-docs", 1, "--json")
    assert list(body["texts"]) == ["en"]
    assert "--sample-bytes many" in shown(capsys, *command, "--sample-bytes", "many", code=2)


def test_report_of_a_run_and_unnamed_languages(
    bpes: list[str], token_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = shown(capsys, "report", token_run.out, "--in", token_run.out, "--json")
    assert body["texts"]["unknown"]["documents"] == 60
    docs = tmp_path / "docs.jsonl"
    texts = [
        "The miller opens the sluice at seven.",
        "방앗간 주인은 아침마다\n수문을 연다.",
        "123",
    ]
    docs.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    body = shown(capsys, "report", bpes[0], "--in", docs, "--identify", "--json")
    assert {name: size["documents"] for name, size in body["texts"].items()} == {
        "en": 1, "ko": 1, "unknown": 1
    }  # fmt: skip
