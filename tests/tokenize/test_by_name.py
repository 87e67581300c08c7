"""Whatever a user names becomes a tokenizer.json."""

import json

import pytest

from gristmill.errors import ConfigError
from gristmill.tokenize.by_name import as_tokenizer_json, ranks_named
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.exports import write_ranks
from gristmill.tokenize.tokenizer_json import ranks_of


def test_a_file_or_folder_is_itself(bpe, tmp_path) -> None:
    path = tmp_path / "shards" / "tokenizer.json"
    path.parent.mkdir()
    path.write_bytes(bpe("gpt4").read_bytes())
    for name in (path, path.parent, tmp_path):
        assert ranks_named(str(name)) is None
        with as_tokenizer_json(str(name)) as found:
            assert found == path
    assert path.is_file()


def test_an_export_for_tiktoken_is_a_file_for_as_long_as_it_is_used(bpe, tmp_path) -> None:
    write_ranks(ranks_of(bpe("gpt4")), lambda name: tmp_path / name)
    (given,) = tmp_path.glob("*.tiktoken")
    with as_tokenizer_json(str(given)) as made:
        assert made.name == f"{given.stem}.json"
        assert json.loads(made.read_text())["model"]["type"] == "BPE"
        ours, theirs = (load_encoder(p).encode(["grinding 水"]) for p in (made, bpe("gpt4")))
        assert ours[0].tolist() == theirs[0].tolist()
    assert not made.exists()


def test_what_is_not_there(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no such file, no folder with tokenizer\.json, nor one"):
        ranks_named(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="cl100k_base"):
        ranks_named("cl100k_base")
