"""tiktoken's encodings by name."""

import hashlib
import json
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from tiktoken import load
from tiktoken_ext import openai_public

from gristmill.errors import ConfigError
from gristmill.tokenize.encodings import (
    ENCODINGS,
    NamedEncoding,
    cache_path,
    cached_file,
    gpt2_ranks,
    read_encoding,
)
from gristmill.tokenize.formats.vocab import byte_chars
from gristmill.tokenize.patterns import FROM_TIKTOKEN, GPT4


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_what_is_known_is_what_tiktoken_says(name: str) -> None:
    asked = {}

    def note(url: str, expected_hash: str) -> dict:
        asked.update(url=url, sha256=expected_hash)
        return {}

    def note_gpt2(vocab_bpe_file: str, vocab_bpe_hash: str, **_: str) -> dict:
        return note(vocab_bpe_file, vocab_bpe_hash)

    with mock.patch.multiple(
        openai_public, load_tiktoken_bpe=note, data_gym_to_mergeable_bpe_ranks=note_gpt2
    ):
        theirs = openai_public.ENCODING_CONSTRUCTORS[name]()
    ours = ENCODINGS[name]
    assert (ours.url, ours.sha256) == (asked["url"], asked["sha256"])
    assert dict(ours.special) == theirs["special_tokens"]
    assert ours.pattern == FROM_TIKTOKEN.get(theirs["pat_str"], theirs["pat_str"])


@pytest.mark.parametrize("chosen", [{"TIKTOKEN_CACHE_DIR": "a"}, {"DATA_GYM_CACHE_DIR": "a"}, {}])
def test_tiktoken_finds_the_same_file(tmp_path: Path, monkeypatch, chosen) -> None:
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    for variable, folder in chosen.items():
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = cache_path("o200k_base")
    assert path.parent.parent == tmp_path
    path.parent.mkdir()
    path.write_bytes(b"mill")
    with mock.patch.object(load, "read_file", side_effect=AssertionError("network")):
        assert load.read_file_cached(ENCODINGS["o200k_base"].url) == b"mill"
    assert cached_file("o200k_base") == path


def test_nothing_is_fetched_and_the_remedy_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with (
        mock.patch.object(load, "read_file", side_effect=AssertionError("network")),
        pytest.raises(ConfigError) as told,
    ):
        cached_file("cl100k_base")
    url = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    assert f"fetch {url} and put it at {tmp_path}/9b5ad71b2ce5302211f9c61530b329a4922fc6a4" in str(
        told.value
    )


def test_another_file_under_that_name_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"YQ== 0\n")
    with pytest.raises(ConfigError, match="not the published file of cl100k_base"):
        read_encoding("cl100k_base", tmp_path / "file")
    assert (tmp_path / "file").exists()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_encoding("cl100k_base", tmp_path / "none")


def test_a_file_with_the_right_hash_is_read(tmp_path: Path, monkeypatch) -> None:
    body = b"YQ== 0\nYg== 1\n"
    known = NamedEncoding("x", hashlib.sha256(body).hexdigest(), GPT4, (("<|e|>", 2),))
    monkeypatch.setitem(ENCODINGS, "o200k_base", known)
    (tmp_path / "file").write_bytes(body)
    ranks = read_encoding("o200k_base", tmp_path / "file")
    assert (ranks.pattern, ranks.tokens, ranks.special) == (GPT4, {b"a": 0, b"b": 1}, {"<|e|>": 2})


def test_gpt2s_merges_as_tiktoken_reads_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    merges = "#version: 0.2\nĠ t\nh e\nĠt he\nÃ ©\n"
    (tmp_path / "vocab.bpe").write_text(merges, "utf-8")
    ranks = gpt2_ranks(merges)
    chars = {token: _spelt(token) for token in ranks}
    encoder = {chars[token]: rank for token, rank in ranks.items()}
    (tmp_path / "encoder.json").write_text(json.dumps(encoder), "utf-8")
    theirs = load.data_gym_to_mergeable_bpe_ranks(
        str(tmp_path / "vocab.bpe"), str(tmp_path / "encoder.json")
    )
    assert ranks == theirs
    assert ranks[b"!"] == 0
    assert ranks[b" the"] == 258
    assert ranks["é".encode()] == 259


def _spelt(token: bytes) -> str:
    return "".join(byte_chars()[byte] for byte in token)
