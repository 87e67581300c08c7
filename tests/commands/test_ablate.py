"""``ablate`` on the command line."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from gristmill.api import run
from gristmill.cli import run_cli
from gristmill.commands.ablate import read_neutral
from gristmill.errors import ConfigError
from gristmill.recipe import parse_recipe
from gristmill.tokenize.formats.shard_set import ShardSet

QUICK = [
    part
    for key, value in {
        "steps": 2, "layers": 1, "width": 16, "heads": 2, "context": 16, "batch_tokens": 64,
        "device": "cpu",
    }.items()
    for part in ("--set", f"{key}={value}")
]  # fmt: skip
WORDS = "the miller weighs corn rye barley and oats while a wheel turns in the stream".split()  # noqa: SIM905


def prose(seed: int, words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words)) + "."


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs that share a tokenizer."""
    root = tmp_path_factory.mktemp("runs")
    tokenizer: dict[str, Any] = {"train": {"vocab_size": 300}}
    for n, name in enumerate(("raw", "curated")):
        docs = root / f"{name}.jsonl"
        rows = [{"id": f"d{i}", "text": prose(1000 * n + i)} for i in range(80)]
        docs.write_text("".join(json.dumps(row) + "\n" for row in rows))
        body = {
            "name": name, "inputs": {"jsonl": str(docs)}, "tokenizer": tokenizer,
            "shards": {"val_fraction": 0.3},
        }  # fmt: skip
        run(parse_recipe(body, "test"), root / name)
        tokenizer = {"path": str(root / "raw" / "tokenizer" / "tokenizer.json")}
    return root / "raw", root / "curated"


def command(runs: tuple[Path, Path], out: Path, *more: str) -> list[str]:
    return ["ablate", *map(str, runs), "--out", str(out), "--seeds", "2", *QUICK, *more]


def test_a_verdict_a_plot_and_json(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tales = tmp_path / "tales.jsonl"
    tales.write_text("".join(json.dumps({"text": prose(9000 + n)}) + "\n" for n in range(12)))
    out = tmp_path / "out"
    assert run_cli(command(runs, out, "--neutral", str(tales))) == 0
    told = capsys.readouterr()
    assert "\nverdict: " in told.out
    assert "WARNING" not in told.out + told.err
    assert "tales.jsonl: 12 of 12 documents" in told.err
    assert (out / "ablation.svg").is_file()
    assert run_cli(command(runs, out, "--neutral", str(tales), "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["names"] == ["raw", "curated"]
    assert result["verdict"] in told.out
    assert [one["name"] for one in result["sets"]][2] == "tales.jsonl"


def test_without_neutral_text_it_warns_before_and_after(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(command(runs, tmp_path / "out", "--documents", "5")) == 0
    told = capsys.readouterr()
    assert told.err.startswith("WARNING: no neutral text was given")
    assert "WARNING: no neutral text was given" in told.out
    assert "too few held-out documents" in told.out


def test_another_tokenizer_is_refused(
    runs: tuple[Path, Path], token_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(command((runs[0], token_run.out), tmp_path / "out")) == 2
    assert "train one on the documents of both" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_plain_text_is_cut_at_blank_lines(runs: tuple[Path, Path], tmp_path: Path) -> None:
    corpus = ShardSet(runs[0] / "shards")
    paragraphs = [f"paragraph {n}: {'corn ' * 240}" for n in range(7)]
    file = tmp_path / "novel.txt.gz"
    file.write_bytes(gzip.compress("\n\n".join(paragraphs).encode()))
    texts = [corpus.vocabulary.decode(doc.tolist()) for doc in read_neutral(str(file), corpus)]
    assert [text[:11] for text in texts] == [f"paragraph {n}" for n in (0, 2, 4, 6)]
    assert [len(text.encode()) >= 2000 for text in texts] == [True, True, True, False]
    assert "\n\n".join(text.rstrip("\n") for text in texts) == "\n\n".join(paragraphs)


def test_shards_as_neutral_text(runs: tuple[Path, Path], token_run: Any, tmp_path: Path) -> None:
    corpus, other = ShardSet(runs[0] / "shards"), ShardSet(runs[1] / "shards")
    found = read_neutral(str(runs[1]), corpus)
    assert [doc.tolist() for doc in found] == [doc.tolist() for doc in other.documents("val")]
    with pytest.raises(ConfigError, match="made with another tokenizer"):
        read_neutral(str(token_run.out), corpus)


@pytest.mark.parametrize(("name", "content"), [("a.txt", ""), ("none.txt", None), ("b.jsonl", "")])
def test_neutral_text_that_is_none(
    name: str, content: str | None, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError):
        read_neutral(str(tmp_path / name), ShardSet(runs[0] / "shards"))


def test_text_without_blank_lines_is_cut_too(runs: tuple[Path, Path], tmp_path: Path) -> None:
    corpus = ShardSet(runs[0] / "shards")
    text = "".join(f"{prose(n)}\n" for n in range(300)) + "x" * 50_000
    (tmp_path / "long.txt").write_text(text)
    found = read_neutral(str(tmp_path / "long.txt"), corpus)
    texts = [corpus.vocabulary.decode(doc.tolist()) for doc in found]
    assert "".join(texts) == text
    assert len(texts) > 4
    assert max(map(len, texts)) <= 40_000
