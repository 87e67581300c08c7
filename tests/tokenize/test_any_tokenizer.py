"""Tokenizers by path, whatever ends their texts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer

from gristmill.errors import ConfigError
from gristmill.tokenize.any_tokenizer import named_tokenizers

Bpe = Callable[[str], Path]


def test_names_tell_tokenizers_apart(bpe: Bpe, tmp_path: Path) -> None:
    body = bpe("gpt4").read_bytes()
    for place in ("a/tokenizer.json", "b/tokenizer.json", "run/tokenizer/tokenizer.json", "x.json"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(body)
    paths = [tmp_path / "a", tmp_path / "b/tokenizer.json", tmp_path / "run", tmp_path / "x.json"]
    assert [t.name for t in named_tokenizers(paths)] == ["a", "b", "run/tokenizer", "x"]
    assert [t.name for t in named_tokenizers(paths[:1])] == ["a"]
    (tmp_path / "a.json").write_bytes(body)
    alike = [tmp_path / "a", tmp_path / "a.json"]
    assert [t.name for t in named_tokenizers(alike)] == [
        f"{tmp_path}/a/tokenizer.json", f"{tmp_path}/a.json"
    ]  # fmt: skip
    assert named_tokenizers(paths)[2].path == tmp_path / "run/tokenizer/tokenizer.json"


def test_what_is_not_there(bpe: Bpe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        named_tokenizers([tmp_path / "none.json"])
    with pytest.raises(ConfigError, match=r"no tokenizer\.json in this folder"):
        named_tokenizers([tmp_path])
    with pytest.raises(ConfigError, match="named twice"):
        named_tokenizers([bpe("gpt4"), bpe("gpt4")])
    with pytest.raises(ConfigError, match="no tokenizer"):
        named_tokenizers([])


def test_ranks_are_the_merges_in_order(bpe: Bpe) -> None:
    (tokenizer,) = named_tokenizers([bpe("gpt4")])
    model = json.loads(bpe("gpt4").read_text())["model"]
    ranks = tokenizer.ranks()
    assert len(ranks) == len(model["merges"])
    first = model["merges"][0]
    made = "".join(first if isinstance(first, list) else first.split())
    assert ranks[model["vocab"][made]] == 0


@pytest.mark.parametrize("special", [0, 1, 3])
def test_no_end_of_text_need_be_known(bpe: Bpe, tmp_path: Path, special: int) -> None:
    body = json.loads(bpe("gpt4").read_text())
    body["added_tokens"] = []
    made = Tokenizer.from_str(json.dumps(body))
    made.add_special_tokens([AddedToken(f"<|s{k}|>", special=True) for k in range(special)])
    path = tmp_path / "t.json"
    made.save(str(path))
    (tokenizer,) = named_tokenizers([path])
    texts = ["a <|s0|> b", "", "물레방아 \ud800"]
    vocabulary = tokenizer.vocabulary()
    found = tokenizer.encode(vocabulary)(texts)
    assert [vocabulary.decode(ids) for ids in found] == ["a <|s0|> b", "", "물레방아 \ufffd"]
    assert not set(found[0].tolist()) & vocabulary.special
    assert [ids.tolist() for ids in found[:2]] == [
        tokenizer.hf().encode(text, add_special_tokens=False).ids for text in texts[:2]
    ]


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"model": {"type": "BPE", "vocab": {"a": 0}}}')
    with pytest.raises(ConfigError, match="refused by tokenizers"):
        named_tokenizers([path])[0].hf()
