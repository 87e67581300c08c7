"""Text to token ids, by the fastest engine that gives the ids of ``tokenizer.json``."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.errors import ConfigError
from gristmill.tokenize.fast_engine import EncodeBatch, Ids, fast_encode
from gristmill.tokenize.formats.regular import check_regular
from gristmill.tokenize.formats.vocab import Vocabulary, byte_chars, load_vocabulary
from gristmill.tokenize.hf_engine import hf_encode, hf_tokenizer

#: Texts to one array of ids each.
Encode = Callable[[Sequence[str]], list[Ids]]


@dataclass(frozen=True)
class Encoder:
    """A tokenizer ready to encode.

    Attributes:
        vocab_size: number of ids, the special ones included.
        eot: id of the end-of-text token.
        engine: ``gigatoken`` or ``tokenizers``.
        encode_batch: a string array without nulls → the ids of all texts in one array, and how
            many of them belong to each text. Text that looks like a special token is text.
    """

    vocab_size: int
    eot: int
    engine: str
    encode_batch: EncodeBatch

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return one array of ids for each text.

        Lone surrogates, which UTF-8 cannot hold, are read as U+FFFD.

        Raises:
            BrokenTextError: the split pattern breaks down on a text (HF tokenizers only).
        """
        return text_by_text(self.encode_batch)(texts)


def text_by_text(encode_batch: EncodeBatch) -> Encode:
    """Return the way to encode that gives one array of ids for each text."""

    def encode(texts: Sequence[str]) -> list[Ids]:
        if not texts:
            return []
        ids, sizes = encode_batch(pa.array([encodable(t) for t in texts], pa.string()))
        return np.split(ids, np.cumsum(sizes)[:-1])

    return encode


def load_encoder(path: Path, end_of_text: str | None = None) -> Encoder:
    """Load a ``tokenizer.json``.

    Args:
        path: a byte-level BPE tokenizer in Hugging Face's format.
        end_of_text: the token that separates documents; None = the only special token there is.

    Raises:
        ConfigError: unreadable, not byte-level BPE, without a token for each byte, or no such
            end-of-text token.
    """
    check_regular(path)
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
    if lost := [
        byte for byte, char in enumerate(byte_chars()) if char not in data["model"]["vocab"]
    ]:
        raise ConfigError(
            f"{path}: no token for byte 0x{lost[0]:02X} ({len(lost)} of 256 are missing), so text "
            "would be lost; use a tokenizer with all bytes in its vocabulary"
        )
    eot = _end_of_text(path, vocabulary, end_of_text)
    slow = hf_encode(hf_tokenizer(path, body))
    fast = fast_encode(data, slow)
    return Encoder(len(vocabulary), eot, "gigatoken" if fast else "tokenizers", fast or slow)


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


def encodable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
