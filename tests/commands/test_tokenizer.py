"""``tokenizer train``, ``encode`` and ``export``."""

import io
import json
from pathlib import Path

import pytest

from gristmill.cli import run_cli

TEXTS = [f"The mill grinds {n} sacks of rye; it's {n * 7} o'clock.\n 水車 🙂" for n in range(40)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bpe")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    (root / "docs.jsonl").write_text(lines, "utf-8")
    arguments = ["--in", str(root / "docs.jsonl"), "--out", str(root / "out")]
    more = ["--vocab-size", "330", "--special", "<|user|>", "--pattern", "gpt4o"]
    assert run_cli(["tokenizer", "train", *arguments, *more]) == 0
    return root / "out"


def test_train_says_what_it_made(trained: Path, tmp_path: Path, capsys) -> None:
    files = {path.name for path in (trained / "tokenizer").iterdir()}
    assert {"tokenizer.json", "tokenizer.tiktoken", "tokenizer_config.json"} <= files
    arguments = ["--in", str(trained.parent / "docs.jsonl"), "--out", str(tmp_path / "o")]
    pattern = ["--vocab-size", "300", "--pattern", r"\w+|\W+"]
    assert run_cli(["tokenizer", "train", *arguments, *pattern]) == 0
    told = capsys.readouterr()
    assert "tokenizer.json, 300 tokens" in told.out
    assert "fewer than" not in told.err
    assert "not for tiktoken: tokenizer.json: tiktoken and HF" in told.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--vocab-size", "100"], "257"),
        (["--pattern", "("], "no regular expression"),
        (["--pattern", "cl100k_base"], "no such pattern; known: gpt2, gpt4, gpt4o"),
    ],
)
def test_train_refuses_what_cannot_be(trained: Path, tmp_path, capsys, more, message) -> None:
    arguments = ["--in", str(trained.parent / "docs.jsonl"), "--out", str(tmp_path / "o")]
    assert run_cli(["tokenizer", "train", *arguments, *more]) == 2
    assert message in capsys.readouterr().err


def test_encode_gives_ids_and_tokens(trained: Path, capsys) -> None:
    assert run_cli(["tokenizer", "encode", str(trained), "The mill", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "".join(found["tokens"]) == "The mill"
    assert (found["count"], found["bytes"]) == (len(found["ids"]), 8)
    assert run_cli(["tokenizer", "encode", str(trained), "The mill"]) == 0
    told = capsys.readouterr().out
    assert " ".join(map(str, found["ids"])) in told
    assert "|".join(found["tokens"]).replace(" ", "·") in told


def test_encode_reads_stdin_and_files_byte_for_byte(trained, tmp_path, capsys, monkeypatch) -> None:
    data = b"The mill\r\n grinds <|endoftext|>"
    (tmp_path / "page.txt").write_bytes(data)
    outs = []
    for more in (["--in", str(tmp_path / "page.txt")], [], ["-"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert run_cli(["tokenizer", "encode", str(trained), "--json", *more]) == 0
        outs.append(json.loads(capsys.readouterr().out))
    assert outs[0] == outs[1] == outs[2]
    assert outs[0]["bytes"] == len(data)
    assert 328 not in outs[0]["ids"]  # text that looks like a special token is text
    assert run_cli(["tokenizer", "encode", str(trained), "x", "--in", "y"]) == 2
    assert run_cli(["tokenizer", "encode", str(trained), "--in", str(tmp_path / "none")]) == 2


def test_encode_does_no_harm_to_the_terminal(trained: Path, capsys) -> None:
    assert run_cli(["tokenizer", "encode", str(trained), "a\x1b[2J\u202eb\n"]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert told.count("\n") == 3


def test_export_goes_both_ways(trained: Path, tmp_path: Path, capsys) -> None:
    made = trained / "tokenizer"
    names = (str(trained), str(made / "tokenizer.json"), str(made / "tokenizer.tiktoken"))
    for number, name in enumerate(names):
        out = tmp_path / str(number)
        assert run_cli(["tokenizer", "export", name, "--out", str(out)]) == 0
        for path in sorted(out.iterdir()):
            assert path.read_bytes() == (made / path.name).read_bytes()
        assert len(list(out.iterdir())) == 4
    arguments = ["tokenizer", "export", str(trained), "--out", str(tmp_path / "y")]
    assert run_cli([*arguments, "--end-of-text", "</s>"]) == 2
    assert not (tmp_path / "y").exists()
    assert "--end-of-text </s>: it has <|endoftext|>, <|user|>" in capsys.readouterr().err


def test_names_that_are_nothing_and_encodings_that_are_not_there(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert run_cli(["tokenizer", "encode", "cl100k_base", "x"]) == 2
    assert "gristmill downloads nothing" in capsys.readouterr().err
    assert run_cli(["tokenizer", "encode", str(tmp_path / "none"), "x"]) == 2
    assert "no such file, no folder with tokenizer.json" in capsys.readouterr().err


def test_help_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["tokenizer", "--help"]) == 0
    told = capsys.readouterr().out
    assert {"train", "encode", "export", "inspect", "report"} <= set(told.split())


def test_export_replaces_nothing(trained: Path, tmp_path: Path, capsys) -> None:
    name = str(trained / "tokenizer" / "tokenizer.tiktoken")
    for taken in ("tokenizer_config.json", "tokenizer.tiktoken.json"):
        out = tmp_path / taken
        out.mkdir()
        (out / taken).write_text("mine")
        (out / "notes.txt").write_text("any other file is no hindrance")
        assert run_cli(["tokenizer", "export", name, "--out", str(out)]) == 2
        assert f"{taken}: exists already; name a new folder" in capsys.readouterr().err
        assert (out / taken).read_text() == "mine"
        (out / taken).unlink()
        assert run_cli(["tokenizer", "export", name, "--out", str(out)]) == 0


def test_encode_needs_no_special_token(trained: Path, tmp_path: Path, capsys) -> None:
    body = json.loads((trained / "tokenizer" / "tokenizer.json").read_text("utf-8"))
    specials = {token["content"] for token in body["added_tokens"]}
    vocab = {text: i for text, i in body["model"]["vocab"].items() if text not in specials}
    body |= {"added_tokens": [], "model": body["model"] | {"vocab": vocab}}
    (tmp_path / "bare.json").write_text(json.dumps(body), "utf-8")
    found = []
    for name in (tmp_path / "bare.json", trained):
        assert run_cli(["tokenizer", "encode", str(name), "The mill 水", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["ids"] == found[1]["ids"]
    assert found[0]["engine"] == "tokenizers"


def test_train_says_when_there_is_no_more_to_merge(tmp_path: Path, capsys) -> None:
    (tmp_path / "docs.jsonl").write_text('{"text": "mill mill"}\n')
    arguments = ["--in", str(tmp_path / "docs.jsonl"), "--out", str(tmp_path / "o")]
    assert run_cli(["tokenizer", "train", *arguments, "--vocab-size", "5000"]) == 0
    assert "fewer than 5,000: the sample has no more pairs" in capsys.readouterr().err
