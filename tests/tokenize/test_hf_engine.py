"""HF tokenizers give errors instead of panics, and no call is large."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from gristmill.errors import ShardError
from gristmill.tokenize import hf_engine
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.hf_engine import BrokenTextError, hf_encode, hf_tokenizer, unbroken
from gristmill.tokenize.train import train_bpe

#: Takes two to the power of the length of a run of "a" that no "b" follows.
BACKTRACKS = r"(?:a|aa)+b|[\s\S]"
_ENDLESS = "a" * 60


@pytest.fixture(scope="module")
def backtracking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    path.write_text(train_bpe(iter(["corn and rye"]), 300, BACKTRACKS).to_str(), "utf-8")
    return path


def test_a_text_on_which_the_pattern_breaks_down_is_named(backtracking: Path) -> None:
    encoder = load_encoder(backtracking)
    assert encoder.engine == "tokenizers"
    with pytest.raises(BrokenTextError, match=r"60 characters that begins 'aaaa.*use the") as e:
        encoder.encode(["rye", _ENDLESS, "corn"])
    assert e.value.text == _ENDLESS
    assert isinstance(e.value, ShardError)
    assert [ids.tolist() for ids in encoder.encode(["rye"])] == [
        Tokenizer.from_file(str(backtracking)).encode("rye").ids
    ]


def test_a_run_of_spaces_that_onigurama_gives_up(bpe) -> None:
    encode = hf_encode(hf_tokenizer(bpe("gpt4"), bpe("gpt4").read_text()))
    with pytest.raises(BrokenTextError, match="12,000,000 characters"):
        encode(pa.array([" " * 12_000_000]))


def test_other_errors_stay_what_they_are() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unbroken(stop, "nothing")


def test_calls_are_bounded_and_change_nothing(bpe, monkeypatch: pytest.MonkeyPatch) -> None:
    body = bpe("gpt4").read_text()
    texts = pa.array([f"sack {n} of rye" * (n % 7) for n in range(50)])
    ids, sizes = hf_encode(hf_tokenizer(bpe("gpt4"), body))(texts)
    calls: list[list[str]] = []

    class Counting:
        def __init__(self) -> None:
            self.tokenizer = hf_tokenizer(bpe("gpt4"), body)

        def encode_batch_fast(self, some: list[str], **how: bool) -> list:
            calls.append(some)
            return self.tokenizer.encode_batch_fast(some, **how)

    monkeypatch.setattr(hf_engine, "_CALL_CHARACTERS", 100)
    again, sizes_again = hf_encode(Counting())(texts)
    assert again.tolist() == ids.tolist()
    assert sizes_again.tolist() == sizes.tolist()
    assert [text for call in calls for text in call] == texts.to_pylist()
    assert all(len(call) == 1 or sum(map(len, call)) <= 100 for call in calls)
    assert len(calls) > 10


def test_names_of_special_tokens_are_text(bpe) -> None:
    tokenizer = hf_tokenizer(bpe("gpt4"), bpe("gpt4").read_text())
    special = json.loads(bpe("gpt4").read_text())["added_tokens"][0]["id"]
    ids, _ = hf_encode(tokenizer)(pa.array(["<|endoftext|>"]))
    assert special not in ids
