"""``shards where``, ``info``, ``convert``."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.status import Status
from rich.text import Text

from gristmill.cli import run_cli
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.shard_set import ShardSet

Capture = pytest.CaptureFixture[str]


def test_where_a_token_came_from(token_run: Any, tmp_path: Path, capsys: Capture) -> None:
    shard = token_run.out / "shards" / "train_000000.bin"
    assert run_cli(["shards", "where", str(shard), "0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["first"] == 0
    assert found["url"] == f"https://mill.example/{found['id'][1:]}"
    assert run_cli(["shards", "where", str(shard), "99999999"]) == 2
    assert "no token 99999999; the file holds" in capsys.readouterr().err
    assert run_cli(["shards", "where", str(tmp_path / "none.bin"), "0"]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nanogpt", "datatrove", "megatron", "llmc"])
def test_convert_then_where_then_info(
    token_run: Any, tmp_path: Path, capsys: Capture, name: str
) -> None:
    out = tmp_path / "new" / name
    assert run_cli(["shards", "convert", str(token_run.out), "--to", name, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"llmc → {name} (uint16), end-of-text before → {FORMATS[name].EOT}" in told
    assert "provenance came along" in told
    old, new = ShardSet(token_run.out / "shards"), ShardSet(out)
    new.verify(hashes=True)
    for split in ("train", "val"):
        assert f"{split}: {old.tokens(split):,} tokens" in told
        before, after = ([doc.tolist() for doc in corpus.documents(split)] for corpus in (old, new))
        assert before == after
    shard = new.of("train")[-1]
    assert run_cli(["shards", "where", str(out / shard.path), str(shard.tokens - 1)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["first"] + found["tokens"] == shard.tokens
    assert run_cli(["shards", "info", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"{out}: {name}, uint16" in told
    assert f"{FORMATS[name].EOT} each document" in told
    assert new.manifest_sha256 in told
    assert " brought " in told
    assert run_cli(["shards", "convert", str(token_run.out), "--to", name, "--out", str(out)]) == 2
    assert "exists already; name a new folder" in capsys.readouterr().err


def test_convert_files_of_others(token_run: Any, tmp_path: Path, capsys: Capture) -> None:
    ours = ShardSet(token_run.out / "shards")
    path = tmp_path / "data" / "train.bin"
    path.parent.mkdir()
    ids = [t for doc in ours.documents("train") for t in (*doc.tolist(), ours.eot)]
    path.write_bytes(np.array(ids[:-1], "<u4").tobytes())
    command = ["shards", "convert", str(path), "--to", "llmc", "--out", str(tmp_path / "o")]
    assert run_cli(command) == 2
    assert "--from FORMAT and --tokenizer FILE" in capsys.readouterr().err
    command += ["--from", "nanogpt", "--tokenizer", str(ours.tokenizer_path), "--json"]
    assert run_cli([*command, "--from-dtype", "uint32"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["found"], done["without_eot"], done["tokens"]) == (len(ids) - 1, 1, len(ids))
    assert (done["format"], done["dtype"]) == ("llmc", "uint16")
    found = [doc.tolist() for doc in ShardSet(tmp_path / "o").documents("train")]
    assert found == [doc.tolist() for doc in ours.documents("train")]


def test_options_that_contradict(token_run: Any, tmp_path: Path, capsys: Capture) -> None:
    base = ["shards", "convert", str(token_run.out), "--out", str(tmp_path / "o")]
    for more, says in (
        (["--to", "llmc", "--from", "nanogpt"], "says format, tokenizer and end-of-text token"),
        (["--to", "npz"], "no format 'npz'"),
        (["--to", "megatron", "--dtype", "uint32"], "uint16 or int32, not uint32"),
        (["--to", "nanogpt", "--target-tokens", "100"], "one file a split"),
        (["--to", "llmc", "--eot-place", "left"], "left"),
    ):
        assert run_cli([*base, *more]) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_large_tokens_for_nanogpt_come_with_a_word(
    token_run: Any, tmp_path: Path, capsys: Capture
) -> None:
    command = ["shards", "convert", str(token_run.out), "--to", "nanogpt", "--dtype", "uint32"]
    assert run_cli([*command, "--out", str(tmp_path / "o")]) == 0
    assert "change that word in it to uint32" in capsys.readouterr().out


def test_info_as_json_and_of_one_file(token_run: Any, capsys: Capture) -> None:
    shards = token_run.out / "shards"
    assert run_cli(["shards", "info", str(shards), "--json", "--docs", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    body = json.loads((shards / "shards.json").read_text())
    assert {s: found["splits"][s]["tokens"] for s in ("train", "val")} == {
        s: body["splits"][s]["tokens"] for s in ("train", "val")
    }
    assert [f["sha256"] for f in found["files"]] == [s["sha256"] for s in body["shards"]]
    assert len(found["glimpses"]) == 1
    assert run_cli(["shards", "info", str(shards / "val_000000.bin"), "--json"]) == 0
    assert [f["split"] for f in json.loads(capsys.readouterr().out)["files"]] == ["val"]


def test_info_lists_some_files(
    token_run: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = len(ShardSet(token_run.out / "shards").shards)
    monkeypatch.setattr("gristmill.commands.shards._LISTED", 1)
    assert run_cli(["shards", "info", str(token_run.out)]) == 0
    told = capsys.readouterr().out
    assert "train_000000.bin: " in told
    assert "val_000000.bin: " not in told
    assert f"… and {files - 1} more files" in told


def test_info_of_a_bare_file(token_run: Any, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "x_val.bin"
    shutil.copyfile(token_run.out / "shards" / "val_000000.bin", path)
    assert run_cli(["shards", "info", str(path)]) == 0
    told = capsys.readouterr().out
    assert "llmc, uint16" in told
    assert "documents not recorded" in told
    assert "--tokenizer FILE decodes" in told
    tokenizer = str(token_run.out / "shards" / "tokenizer.json")
    assert run_cli(["shards", "info", str(path), "--tokenizer", tokenizer]) == 0
    assert " brought " in capsys.readouterr().out
    assert run_cli(["shards", "info", str(tmp_path)]) == 2
    assert "no known format" in capsys.readouterr().err


def test_web_text_does_not_act_on_the_terminal(
    token_run: Any, tmp_path: Path, capsys: Capture
) -> None:
    vocabulary = ShardSet(token_run.out / "shards").vocabulary
    ids = {raw: i for i, raw in enumerate(vocabulary.token_bytes) if len(raw) == 1}
    text = "\x1b]0;owned\x07\x1b[2J\r[red]\u202ex".encode()
    path = tmp_path / "train.bin"
    path.write_bytes(np.array([ids[bytes([b])] for b in text], "<u2").tobytes())
    tokenizer = str(token_run.out / "shards" / "tokenizer.json")
    assert run_cli(["shards", "info", str(path), "--tokenizer", tokenizer]) == 0
    told = capsys.readouterr().out
    assert "⟨U+001B⟩]0;owned⟨U+0007⟩⟨U+001B⟩[2J⟨U+000D⟩[red]⟨U+202E⟩x" in told
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(told)


def test_every_row_of_provenance_comes_along(token_run: Any, tmp_path: Path) -> None:
    out = tmp_path / "n"
    run_cli(["shards", "convert", str(token_run.out), "--to", "nanogpt", "--out", str(out)])
    shards = ShardSet(token_run.out / "shards").of("train")
    old = [
        row
        for s in shards
        for row in pq.read_table(
            (token_run.out / "shards" / s.path).with_suffix(".index.parquet")
        ).to_pylist()
    ]
    new = pq.read_table(out / "train.index.parquet").to_pylist()
    assert [{**row, "first": 0} for row in new] == [{**row, "first": 0} for row in old]


def test_a_name_is_no_markup(
    token_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Status, "update", lambda _, now: shown.append(str(render(now))))
    path = tmp_path / "[red]y.bin"
    shutil.copyfile(token_run.out / "shards" / "val_000000.bin", path)
    tokenizer = str(token_run.out / "shards" / "tokenizer.json")
    command = ["shards", "convert", str(path.parent), "--from", "llmc", "--tokenizer", tokenizer]
    assert run_cli([*command, "--to", "nanogpt", "--out", str(tmp_path / "o")]) == 0
    assert "[red]y.bin" in shown


def render(shown: str | Text) -> Text:
    return Text.from_markup(shown) if isinstance(shown, str) else shown


def test_info_of_a_file_named_like_one_of_the_run(
    token_run: Any, tmp_path: Path, capsys: Capture
) -> None:
    shutil.copytree(token_run.out / "shards", tmp_path / "shards")
    other = tmp_path / "train_000000.bin"
    shutil.copyfile(tmp_path / "shards" / "val_000000.bin", other)
    assert run_cli(["shards", "info", str(other), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [file["path"] for file in found["files"]] == [str(other)]
    assert found["manifest_sha256"] is None
