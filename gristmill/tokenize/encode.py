"""Text to token ids, by the fastest engine that gives the ids of ``tokenizer.json``.

tiktoken, built from the vocabulary's own ranks, encodes about five times as fast as HF tokenizers.
It is used where it must agree: byte-level BPE without normaliser, dropout or post-processing, with
a split pattern known to mean the same to both, whose merges stand in the order of their ids.
Everything else goes through HF tokenizers.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import Vocabulary, load_vocabulary
from gristmill.tokenize.patterns import GPT2, PATTERNS

Ids = npt.NDArray[np.uint32]
Encode = Callable[[Sequence[str]], list[Ids]]

#: White space in one run that tiktoken is trusted with. The patterns' ``\s+(?!\S)`` keeps one
#: stack entry a character, and past a million its regex engine (fancy-regex, ``MAX_STACK``) panics.
_MAX_SPACES = 100_000
_LONG_SPACES = re.compile(rf"(?<!\s)\s{{{_MAX_SPACES}}}")


@dataclass(frozen=True)
class Encoder:
    """A tokenizer ready to encode.

    Attributes:
        vocab_size: number of ids, the special ones included.
        eot: id of the end-of-text token.
        engine: ``tiktoken`` or ``tokenizers``.
        encode: texts → one array of ids a text. Text that looks like a special token is text;
            lone surrogates, which UTF-8 cannot hold, are read as U+FFFD.
    """

    vocab_size: int
    eot: int
    engine: str
    encode: Encode

    @property
    def dtype(self) -> str:
        """Smallest item type that holds every id."""
        return "uint16" if self.vocab_size <= 1 << 16 else "uint32"


def load_encoder(path: Path, end_of_text: str | None = None) -> Encoder:
    """Load a ``tokenizer.json``.

    Args:
        path: a byte-level BPE tokenizer in Hugging Face's format.
        end_of_text: the token that separates documents; None = the only special token there is.

    Raises:
        ConfigError: unreadable, not byte-level BPE, or no such end-of-text token.
    """
    try:
        body = path.read_text("utf-8")
    except (OSError, ValueError):
        load_vocabulary(path)  # says what is wrong with the file
        raise
    return _build(path, body, end_of_text)


@lru_cache(maxsize=4)
def _build(path: Path, body: str, end_of_text: str | None) -> Encoder:
    """Cached by content: a file that was replaced must not give the old ids."""
    vocabulary = load_vocabulary(path)
    data = json.loads(body)
    eot = _end_of_text(path, vocabulary, end_of_text)
    tokenizer = _hf_tokenizer(path, body)
    slow = _hf_encode(tokenizer)
    pattern = _pattern(data)
    if pattern is None or not _ranks_are_ids(data, vocabulary, tokenizer):
        return Encoder(len(vocabulary), eot, "tokenizers", slow)
    return Encoder(len(vocabulary), eot, "tiktoken", _tiktoken_encode(vocabulary, pattern, slow))


def _end_of_text(path: Path, vocabulary: Vocabulary, wanted: str | None) -> int:
    special = {vocabulary.token_bytes[i].decode("utf-8", "replace"): i for i in vocabulary.special}
    if wanted is None and len(special) == 1:
        return next(iter(special.values()))
    if wanted in special:
        return special[wanted]
    raise ConfigError(
        f"{path}: which token ends a text? Set tokenizer.end_of_text to one of "
        f"{', '.join(sorted(special)) or '(there are no special tokens)'}"
    )


def _pattern(data: dict[str, Any]) -> str | None:
    """Return the split pattern, where tiktoken can do exactly what this tokenizer does."""
    pre = data.get("pre_tokenizer") or {}
    model = data["model"]
    plain = data.get("normalizer") is None and not any(
        model.get(key)
        for key in (
            "dropout",
            "unk_token",
            "byte_fallback",
            "ignore_merges",
            "continuing_subword_prefix",
            "end_of_word_suffix",
        )
    )
    adds_tokens = (data.get("post_processor") or {}).get("type", "ByteLevel") != "ByteLevel"
    if not plain or adds_tokens or any(not t.get("special") for t in data.get("added_tokens", [])):
        return None
    parts = pre.get("pretokenizers", [pre])
    if len(parts) == 1 and _byte_level(parts[0], use_regex=True):
        return GPT2
    if (
        len(parts) == 2
        and parts[0].get("type") == "Split"
        and _byte_level(parts[1], use_regex=False)
    ):
        split = parts[0]
        if split.get("behavior") == "Isolated" and not split.get("invert"):
            # Two regex engines read an unknown pattern in two ways: {1,3}+ is possessive to one.
            regex = split["pattern"].get("Regex")
            return regex if regex in PATTERNS.values() else None
    return None


def _byte_level(part: dict[str, Any], *, use_regex: bool) -> bool:
    return (
        part.get("type") == "ByteLevel"
        and not part.get("add_prefix_space")
        and part.get("use_regex", True) == use_regex
    )


def _ranks_are_ids(data: dict[str, Any], vocabulary: Vocabulary, tokenizer: Any) -> bool:
    """Tell whether merging by lowest id, as tiktoken does, is merging by lowest rank.

    The ids of merged tokens must grow in merge order, and every other token be one byte. tiktoken
    also joins any two tokens that spell a third, whether or not that pair is a merge; this makes
    no difference where the merges turn the spelling of each token into that token.
    """
    vocab = {t: i for t, i in data["model"]["vocab"].items() if i not in vocabulary.special}
    merges = data["model"].get("merges") or []
    made = ["".join(m if isinstance(m, list) else m.split(" ")) for m in merges]
    ids = [vocab.get(token, -1) for token in made]
    single = vocab.keys() - set(made)
    model = tokenizer.model
    return (
        len(single) == 256
        and all(len(token) == 1 for token in single)
        and all(a < b for a, b in zip([255, *ids], ids, strict=False))
        and all(len(model.tokenize(token)) == 1 for token in made)
    )


def _tiktoken_encode(vocabulary: Vocabulary, pattern: str, slow: Encode) -> Encode:
    import tiktoken

    ranks = {
        piece: i
        for i, piece in enumerate(vocabulary.token_bytes)
        if piece and i not in vocabulary.special
    }
    encoding = tiktoken.Encoding("bpe", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    def one(text: str) -> Ids:
        if len(text) > _MAX_SPACES and _LONG_SPACES.search(text):
            return slow([text])[0]
        return np.array(encoding.encode_ordinary(_encodable(text)), np.uint32)

    return lambda texts: [one(text) for text in texts]


def _hf_tokenizer(path: Path, body: str) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(body)
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigError(
            f"{path}: refused by tokenizers ({error}); export the tokenizer again"
        ) from error
    # Special tokens written out in a page are ordinary text, never control symbols; and no text
    # is cut or filled up, whatever the file says for its model's sake.
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _hf_encode(tokenizer: Any) -> Encode:
    def encode(texts: Sequence[str]) -> list[Ids]:
        found = tokenizer.encode_batch(
            [_encodable(text) for text in texts], add_special_tokens=False
        )
        return [np.array(e.ids, np.uint32) for e in found]

    return encode


def _encodable(text: str) -> str:
    """Replace lone surrogates by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
