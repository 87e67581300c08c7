"""Training a BPE tokenizer."""

import json
import os
import random
import subprocess
import sys

import pytest
from pydantic import ValidationError

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.rounds import View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.tokenize.formats.vocab import load_vocabulary
from gristmill.tokenize.hf_engine import BrokenTextError
from gristmill.tokenize.ranks import load_tiktoken
from gristmill.tokenize.train import LONGEST_PIECE, TrainBpe, train_bpe

TEXTS = [f"grind the grain, grinder number {n}; the mill grinds on and on" for n in range(50)]


def test_ids_are_bytes_then_merges_then_the_special_token(tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(train_bpe(iter(TEXTS), 300).to_str(), "utf-8")
    vocabulary = load_vocabulary(path)
    assert len(vocabulary) == 300
    assert sorted(vocabulary.token_bytes[:256]) == [bytes([b]) for b in range(256)]
    assert all(len(piece) > 1 for piece in vocabulary.token_bytes[256:])
    assert vocabulary.special == {299}
    assert vocabulary.token_bytes[299] == b"<|endoftext|>"
    merges = json.loads(path.read_text("utf-8"))["model"]["merges"]
    assert len(merges) == 300 - 257


def test_training_is_deterministic_and_blind_to_the_order_of_texts() -> None:
    shuffled = random.Random(1).sample(TEXTS, len(TEXTS))
    runs = {train_bpe(iter(t), 320).to_str() for t in (TEXTS, TEXTS, TEXTS, shuffled)}
    assert len(runs) == 1


def test_the_first_merges_are_pinned() -> None:
    body = json.loads(train_bpe(iter(["low low low lower lowest"]), 261, "gpt2").to_str())
    assert body["model"]["merges"] == [["l", "o"], ["lo", "w"], ["Ġ", "low"], ["Ġlow", "e"]]


@pytest.mark.parametrize("texts", [[], [""], ["ab"], ["\0"]])
def test_a_tiny_corpus_gives_a_smaller_vocabulary(texts) -> None:
    tokenizer = train_bpe(iter(texts), 5000)
    assert 257 <= tokenizer.get_vocab_size() <= 258
    assert tokenizer.token_to_id("<|endoftext|>") == tokenizer.get_vocab_size() - 1


def test_smallest_vocabulary() -> None:
    assert train_bpe(iter(TEXTS), 257).get_vocab_size() == 257
    with pytest.raises(ConfigError, match="at least 257"):
        train_bpe(iter(TEXTS), 256)


@pytest.mark.parametrize("special", ["a", "é", "grind", " grind"])
def test_a_special_token_that_is_an_ordinary_one_is_refused(special: str) -> None:
    with pytest.raises(ConfigError, match="also an ordinary token"):
        train_bpe(iter(TEXTS), 400, "gpt2", special)


def test_the_special_token_written_in_the_corpus_stays_text() -> None:
    tokenizer = train_bpe(iter(["<|endoftext|> " * 50]), 400)
    assert tokenizer.token_to_id("<|endoftext|>") == tokenizer.get_vocab_size() - 1


def test_patterns_of_your_own() -> None:
    assert TrainBpe(pattern=r"\w+|\W").pattern == r"\w+|\W"
    tokenizer = train_bpe(iter(["abab abab"]), 300, r"\w|\W")
    assert tokenizer.get_vocab_size() == 257  # pieces of one character cannot be merged
    with pytest.raises(ValidationError, match="no regular expression"):
        TrainBpe(pattern="(")


@pytest.mark.parametrize(
    "bad",
    [
        {"vocab_size": 256},
        {"sample_bytes": "0KB"},
        {"end_of_text": ""},
        {"seed": -1},
        {"seed": 2**64},
        {"special_tokens": ("",)},
        {"special_tokens": ("<|endoftext|>",)},
        {"vocab_size": 258, "special_tokens": ("<|a|>", "<|b|>")},
    ],
)
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        TrainBpe(**bad)


def test_the_round_gives_the_same_bytes_for_other_shards(lay) -> None:
    docs = [(make_key(0, n), text) for n, text in enumerate(TEXTS)]
    written = []
    for shards in ([docs], [docs[:20], docs[20:30], docs[30:]]):
        folder = lay(shards)
        stage = TrainBpe(vocab_size=300, sample_bytes="1KB")
        execute(folder, stage.rounds("tokenizer", View("documents")), LocalRunner())
        written.append((folder.root / "tokenizer" / "tokenizer.json").read_bytes())
        (manifest,) = folder.manifests("tokenizer")
        vocabulary = load_vocabulary(folder.root / "tokenizer" / "tokenizer.json")
        assert manifest.facts["vocab_size"] == len(vocabulary)
        assert (manifest.facts["sample_docs"], manifest.facts["sample_bytes"]) == (17, 1000)
        assert (manifest.stages[0].docs_in, manifest.stages[0].docs_out) == (50, 50)
    assert written[0] == written[1]


def test_null_texts_do_no_harm(lay) -> None:
    folder = lay([[None, "grind grind grind", None]])
    stage = TrainBpe(vocab_size=300)
    execute(folder, stage.rounds("tokenizer", View("documents")), LocalRunner())
    assert folder.manifests("tokenizer")[0].facts["sample_docs"] == 3


def test_no_documents_is_said(lay) -> None:
    folder = lay([[], []])
    with pytest.raises(ShardError, match="no document is left to train on"):
        execute(folder, TrainBpe().rounds("tokenizer", View("documents")), LocalRunner())


def test_other_special_tokens_follow_the_end_of_text(tmp_path) -> None:
    names = ["<|user|>", "<|bot|>"]
    tokenizer = train_bpe(iter(TEXTS), 310, special_tokens=names)
    assert [tokenizer.token_to_id(n) for n in ["<|endoftext|>", *names]] == [307, 308, 309]
    assert len(json.loads(tokenizer.to_str())["model"]["merges"]) == 310 - 256 - 3
    with pytest.raises(ConfigError, match=r"'<\|user\|>' comes twice"):
        train_bpe(iter(TEXTS), 310, special_tokens=["<|user|>", "<|user|>"])
    with pytest.raises(ConfigError, match="special token 'grind' is also an ordinary"):
        train_bpe(iter(TEXTS), 400, "gpt2", special_tokens=["grind"])


def test_a_run_of_letters_neither_takes_hours_nor_fills_the_vocabulary() -> None:
    drawn = random.Random(1)
    runs = ["a" * 500_000, "".join(drawn.choices("acgt", k=200_000)), " " * 500_000]
    tokenizer = train_bpe(iter([*TEXTS, *runs]), 1000)
    assert max(map(len, tokenizer.get_vocab())) == LONGEST_PIECE
    body = json.loads(tokenizer.to_str())
    assert len(body["pre_tokenizer"]["pretokenizers"]) == 2  # the cut is of training only
    assert "Ġgrind" in body["model"]["vocab"]


def test_cutting_changes_nothing_where_no_piece_is_long() -> None:
    text = " ".join("x" * n for n in (1, 5, LONGEST_PIECE - 1))
    longest = max(train_bpe(iter([text] * 3), 400).get_vocab(), key=len)
    assert longest == "Ġ" + "x" * (LONGEST_PIECE - 1)


_THREADS = """
import hashlib, itertools
from gristmill.tokenize.train import train_bpe
words = ["".join(w) for w in itertools.product("abcdef", repeat=4)]  # every pair as often
texts = [" ".join(words[i::97]) for i in range(97)] * 3
print(hashlib.sha256(train_bpe(iter(texts), 700).to_str(pretty=True).encode()).hexdigest())
"""


def test_ties_are_broken_alike_for_any_number_of_threads() -> None:
    def once(threads: str) -> str:
        env = os.environ | {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
        run = [sys.executable, "-c", _THREADS]
        return subprocess.run(run, env=env, check=True, capture_output=True, text=True).stdout

    assert len({once("1"), once("2"), once("5")}) == 1


def test_the_round_writes_every_form(lay) -> None:
    folder = lay([TEXTS])
    stage = TrainBpe(vocab_size=300, special_tokens=("<|user|>",))
    execute(folder, stage.rounds("tokenizer", View("documents")), LocalRunner())
    (manifest,) = folder.manifests("tokenizer")
    assert sorted(output.path for output in manifest.outputs) == [
        "tokenizer/tokenizer.json",
        "tokenizer/tokenizer.tiktoken",
        "tokenizer/tokenizer.tiktoken.json",
        "tokenizer/tokenizer_config.json",
    ]
    assert manifest.facts["no_tiktoken"] is None
    encoding = load_tiktoken(folder.root / "tokenizer" / "tokenizer.tiktoken")
    assert encoding.n_vocab == 300
    assert encoding.eot_token == 298


def test_a_pattern_that_tiktoken_may_read_differently_is_not_exported(lay) -> None:
    folder = lay([TEXTS])
    stage = TrainBpe(vocab_size=300, pattern=r"\w+|\W+")
    execute(folder, stage.rounds("tokenizer", View("documents")), LocalRunner())
    (manifest,) = folder.manifests("tokenizer")
    assert manifest.facts["no_tiktoken"].startswith("tokenizer.json: tiktoken and HF tokenizers")
    names = [output.path for output in manifest.outputs]
    assert names == ["tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"]


def test_more_than_65536_tokens() -> None:
    drawn = random.Random(3)
    words = ("".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(40_000))
    tokenizer = train_bpe(iter([" ".join(words)]), 70_000)
    assert tokenizer.get_vocab_size() == 70_000


def test_texts_longer_than_a_regular_expression_can_bear() -> None:
    tokenizer = train_bpe(iter([" " * 12_000_000, "corn " * 10]), 300, "gpt4")
    assert tokenizer.decode(tokenizer.encode("corn  corn").ids) == "corn  corn"


def test_a_pattern_that_breaks_down_is_said() -> None:
    with pytest.raises(BrokenTextError, match="a text of the sample"):
        train_bpe(iter(["a" * 60]), 300, r"(?:a|aa)+b|[\s\S]")
