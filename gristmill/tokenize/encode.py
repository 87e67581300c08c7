"""Text to token ids, by the fastest engine that gives the ids of ``tokenizer.json``."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill.errors import ConfigError
from gristmill.tokenize.fast_engine import EncodeBatch, Ids, Sizes, fast_encode
from gristmill.tokenize.formats.vocab import Vocabulary, load_vocabulary

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
        """
        if not texts:
            return []
        ids, sizes = self.encode_batch(pa.array([encodable(t) for t in texts], pa.string()))
        return np.split(ids, np.cumsum(sizes)[:-1])


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
    slow = _hf_encode(hf_tokenizer(path, body))
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


def hf_tokenizer(path: Path, body: str) -> Any:
    """Return the ``tokenizers.Tokenizer`` of the text of a ``tokenizer.json``.

    Raises:
        ConfigError: ``tokenizers`` refuses it; ``path`` says where it stands.
    """
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


def _hf_encode(tokenizer: Any) -> EncodeBatch:
    def encode(texts: pa.StringArray) -> tuple[Ids, Sizes]:
        found = tokenizer.encode_batch(texts.to_pylist(), add_special_tokens=False)
        ids = [np.array(e.ids, np.uint32) for e in found]
        sizes = np.array([len(i) for i in ids], np.int64)
        return np.concatenate([np.zeros(0, np.uint32), *ids]), sizes

    return encode


def encodable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
