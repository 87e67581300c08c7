"""A tokenizer in every form."""

import json

from gristmill.tokenize.exports import transformers_config, write_all
from gristmill.tokenize.ranks import load_tiktoken
from gristmill.tokenize.train import train_bpe

TEXTS = [f"The mill grinds {n} sacks" for n in range(30)]


def test_every_file_is_announced_and_written(tmp_path) -> None:
    announced = []

    def place(name: str):
        announced.append(name)
        return tmp_path / name

    body = train_bpe(iter(TEXTS), 300).to_str()
    assert write_all(body, "<|endoftext|>", place) is None
    assert sorted(announced) == sorted(path.name for path in tmp_path.iterdir())
    assert len(announced) == 4
    assert load_tiktoken(tmp_path / "tokenizer.tiktoken").eot_token == 293  # a small corpus


def test_without_a_form_for_tiktoken_the_rest_is_written(tmp_path) -> None:
    body = train_bpe(iter(TEXTS), 300, r"\w+|\W+").to_str()
    why = write_all(body, None, lambda name: tmp_path / name)
    assert why is not None
    assert why.startswith("tokenizer.json: tiktoken and HF tokenizers may read")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["tokenizer.json", "tokenizer_config.json"]


def test_transformers_is_told_which_token_ends_a_text() -> None:
    body = train_bpe(iter(TEXTS), 300, special_tokens=["<|user|>"]).to_str()
    config = json.loads(transformers_config(body, "<|endoftext|>"))
    assert {config["eos_token"], config["bos_token"]} == {"<|endoftext|>"}
    assert config["additional_special_tokens"] == ["<|user|>"]
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    none = json.loads(transformers_config(body, None))
    assert "eos_token" not in none
    assert none["additional_special_tokens"] == ["<|endoftext|>", "<|user|>"]
