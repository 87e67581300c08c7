"""The ``tokenizer`` block of a recipe."""

import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from gristmill.errors import ConfigError
from gristmill.pipeline.rounds import View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize import encodings
from gristmill.tokenize.ranks import beside
from gristmill.tokenize.source import TokenizerBlock, TokenizerSource
from gristmill.tokenize.tokenizer_json import ranks_of
from gristmill.tokenize.train import TrainBpe


@pytest.mark.parametrize(
    "body", [{}, {"train": {}, "path": "x.json"}, {"path": "x.json", "tiktoken": "gpt2"}]
)
def test_exactly_one_of_train_and_path(body) -> None:
    with pytest.raises(ValidationError, match="give either train or path or tiktoken"):
        TokenizerBlock(**body)


def test_end_of_text_goes_with_path() -> None:
    with pytest.raises(ValidationError, match=r"set train\.end_of_text"):
        TokenizerBlock(train=TrainBpe(), end_of_text="</s>")


def test_a_trained_tokenizer_is_found_in_the_run(tmp_path) -> None:
    block = TokenizerBlock(train=TrainBpe())
    block.check()
    assert block.source({}) == TokenizerSource(None, "<|endoftext|>")
    assert block.assets() == {}
    assert block.gather({}) == block.train
    folder = RunFolder(tmp_path, "0" * 16)
    assert block.source({}).file(folder) == tmp_path / "tokenizer" / "tokenizer.json"


def test_a_given_tokenizer_is_checked_and_hashed(bpe, tmp_path, monkeypatch) -> None:
    body = bpe("gpt4").read_bytes()
    (tmp_path / "own.json").write_bytes(body)
    monkeypatch.chdir(tmp_path)
    block = TokenizerBlock(path="own.json", end_of_text="<|endoftext|>")
    block.check()
    assert block.assets() == {"path": hashlib.sha256(body).hexdigest()}
    source = block.source({})
    monkeypatch.chdir("/")  # workers stand elsewhere
    folder = RunFolder(tmp_path / "out", "0" * 16)
    assert source.file(folder) == tmp_path / "own.json"
    assert source.encoder(folder).vocab_size == 400


def test_a_path_below_home(bpe, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.json").write_bytes(bpe("gpt4").read_bytes())
    block = TokenizerBlock(path="~/own.json")
    block.check()
    assert block.source({}).path == str(tmp_path / "own.json")


def test_errors_come_before_any_work(bpe, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: no such file"):
        TokenizerBlock(path=str(tmp_path / "none.json")).check()
    with pytest.raises(ConfigError, match="which token ends a text"):
        TokenizerBlock(path=str(bpe("gpt4")), end_of_text="</s>").check()
    bad = Path(tmp_path / "bad.json")
    bad.write_text("{}")
    with pytest.raises(ConfigError, match=r"bad\.json: not a BPE"):
        TokenizerBlock(path=str(bad)).check()


def test_a_folder_that_holds_one(bpe, tmp_path) -> None:
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.json").write_bytes(bpe("gpt4").read_bytes())
    for folder in (tmp_path, tmp_path / "tokenizer"):
        block = TokenizerBlock(path=str(folder))
        block.check()
        assert block.gather({}) is None
        assert block.source({}).path == str(tmp_path / "tokenizer" / "tokenizer.json")
    with pytest.raises(ConfigError, match="no such file, nor a folder with"):
        TokenizerBlock(path=str(tmp_path.parent / "elsewhere")).check()


def _run(block: TokenizerBlock, lay) -> Path:
    folder = lay([["mill"]])
    block.check()
    made = block.gather({})
    assert made is not None
    execute(folder, made.rounds("tokenizer", View("documents")), LocalRunner())
    assert block.source({}).file(folder) == folder.root / "tokenizer" / "tokenizer.json"
    assert folder.manifests("tokenizer")[0].facts["vocab_size"] == 400
    return folder.root / "tokenizer"


def test_an_export_for_tiktoken_becomes_a_tokenizer_json_of_the_run(bpe, tmp_path, lay) -> None:
    ranks = ranks_of(bpe("gpt4"))
    path = tmp_path / "own.tiktoken"
    ranks.write(path)
    block = TokenizerBlock(path=str(path))
    made = _run(block, lay)
    assert json.loads((made / "tokenizer.json").read_text("utf-8")) == json.loads(
        bpe("gpt4").read_text("utf-8")
    )
    assert (made / "tokenizer.tiktoken").read_bytes() == path.read_bytes()
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, beside(path))]
    assert list(block.assets().values()) == hashes
    with pytest.raises(ConfigError, match="which token ends a text"):
        TokenizerBlock(path=str(path), end_of_text="</s>").check()


def test_a_named_encoding_from_the_cache(bpe, tmp_path, lay, monkeypatch) -> None:
    ranks = ranks_of(bpe("gpt4"))
    ranks.write(tmp_path / "x.tiktoken")
    body = (tmp_path / "x.tiktoken").read_bytes()
    known = encodings.NamedEncoding(
        "https://example.org/x.tiktoken",
        hashlib.sha256(body).hexdigest(),
        ranks.pattern,
        (*ranks.special.items(),),
    )
    monkeypatch.setitem(encodings.ENCODINGS, "cl100k_base", known)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    block = TokenizerBlock(tiktoken="cl100k_base")
    with pytest.raises(ConfigError, match=r"fetch https://example\.org/x\.tiktoken and put it at"):
        block.check()
    encodings.cache_path("cl100k_base").write_bytes(body)
    made = _run(block, lay)
    assert ranks_of(made / "tokenizer.json") == ranks
    assert block.assets() == {"tiktoken": known.sha256}
    assert block.source({}) == TokenizerSource(None, "<|endoftext|>")
    encodings.cache_path("cl100k_base").unlink()
    assert block.gather({}) is not None  # a finished run is read without the cache


def test_a_name_that_tiktoken_does_not_have() -> None:
    with pytest.raises(ValidationError, match="cl100k_base"):
        TokenizerBlock(tiktoken="cl100k")


def test_a_file_that_changed_since_the_plan_is_refused(bpe, tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(bpe("gpt4").read_bytes())
    block = TokenizerBlock(path=str(path))
    assets = {f"tokenizer.{name}": value for name, value in block.assets().items()}
    source = block.source(assets)
    assert source.file(RunFolder(tmp_path, "x")) == path
    path.write_text(path.read_text() + "\n")
    with pytest.raises(ConfigError, match=r"not the file that the run was planned with.*--out"):
        source.encoder(RunFolder(tmp_path, "x"))
