"""The ``tokenizer`` block of a recipe."""

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from gristmill.errors import ConfigError
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize.source import TokenizerBlock, TokenizerSource
from gristmill.tokenize.train import TrainBpe


@pytest.mark.parametrize("body", [{}, {"train": {}, "path": "x.json"}])
def test_exactly_one_of_train_and_path(body) -> None:
    with pytest.raises(ValidationError, match="give either train or path"):
        TokenizerBlock(**body)


def test_end_of_text_goes_with_path() -> None:
    with pytest.raises(ValidationError, match=r"set train\.end_of_text"):
        TokenizerBlock(train=TrainBpe(), end_of_text="</s>")


def test_a_trained_tokenizer_is_found_in_the_run(tmp_path) -> None:
    block = TokenizerBlock(train=TrainBpe())
    block.check()
    assert block.source() == TokenizerSource(None, None)
    assert block.assets() == {}
    folder = RunFolder(tmp_path, "0" * 16)
    assert block.source().file(folder) == tmp_path / "tokenizer" / "tokenizer.json"


def test_a_given_tokenizer_is_checked_and_hashed(bpe, tmp_path, monkeypatch) -> None:
    body = bpe("gpt4").read_bytes()
    (tmp_path / "own.json").write_bytes(body)
    monkeypatch.chdir(tmp_path)
    block = TokenizerBlock(path="own.json", end_of_text="<|endoftext|>")
    block.check()
    assert block.assets() == {"path": hashlib.sha256(body).hexdigest()}
    source = block.source()
    monkeypatch.chdir("/")  # workers stand elsewhere
    folder = RunFolder(tmp_path / "out", "0" * 16)
    assert source.file(folder) == tmp_path / "own.json"
    assert source.encoder(folder).vocab_size == 400


def test_a_path_below_home(bpe, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.json").write_bytes(bpe("gpt4").read_bytes())
    block = TokenizerBlock(path="~/own.json")
    block.check()
    assert block.source().path == str(tmp_path / "own.json")


def test_errors_come_before_any_work(bpe, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: no such file"):
        TokenizerBlock(path=str(tmp_path / "none.json")).check()
    with pytest.raises(ConfigError, match="which token ends a text"):
        TokenizerBlock(path=str(bpe("gpt4")), end_of_text="</s>").check()
    bad = Path(tmp_path / "bad.json")
    bad.write_text("{}")
    with pytest.raises(ConfigError, match=r"bad\.json: not a BPE"):
        TokenizerBlock(path=str(bad)).check()
