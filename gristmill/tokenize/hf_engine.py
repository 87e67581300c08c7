"""Hugging Face tokenizers: the ids of ``tokenizer.json`` by definition, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from gristmill.errors import ConfigError, ShardError
from gristmill.tokenize.fast_engine import EncodeBatch, Ids, Sizes

#: Characters given to one call: HF holds some 200 bytes for each token that it finds.
_CALL_CHARACTERS = 4 << 20

_T = TypeVar("_T")


class BrokenTextError(ShardError):
    """The split pattern breaks down on a text.

    Attributes:
        text: the first such text of a batch, or None where that is not known.
    """

    def __init__(self, message: str, text: str | None = None) -> None:
        super().__init__(message)
        self.text = text


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


def hf_encode(tokenizer: Any) -> EncodeBatch:
    """Return the way to encode with a ``tokenizers.Tokenizer``.

    What it returns raises BrokenTextError for a text on which the split pattern breaks down.
    """

    def encode(texts: pa.StringArray) -> tuple[Ids, Sizes]:
        found: list[Ids] = []
        for some in _calls(texts.to_pylist()):
            found += [np.array(e.ids, np.uint32) for e in _encode(tokenizer, some)]
        sizes = np.array([len(ids) for ids in found], np.int64)
        return np.concatenate([np.zeros(0, np.uint32), *found]), sizes

    return encode


def unbroken(call: Callable[[], _T], what: str, text: str | None = None) -> _T:
    """Call tokenizers, whose regular expressions panic where they would take too long.

    Args:
        call: what to do.
        what: the text, in the words of the message.
        text: for ``BrokenTextError.text``.

    Raises:
        BrokenTextError: it panicked.
    """
    try:
        return call()
    except BaseException as error:  # a PanicException is no Exception, and has no importable name
        if type(error).__name__ != "PanicException":
            raise
        raise BrokenTextError(
            f"the tokenizer's split pattern breaks down on {what} ({error}); leave such texts out "
            "by a filter, or use the pattern gpt2, gpt4 or gpt4o",
            text,
        ) from None


def _calls(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield texts, in order, that make one call each; a long text makes one alone."""
    some: list[str] = []
    size = 0
    for text in texts:
        if some and size + len(text) > _CALL_CHARACTERS:
            yield some
            some, size = [], 0
        some.append(text)
        size += len(text)
    if some:
        yield some


def _encode(tokenizer: Any, texts: list[str]) -> Sequence[Any]:
    def encode(some: list[str]) -> Sequence[Any]:
        found: Sequence[Any] = tokenizer.encode_batch_fast(some, add_special_tokens=False)
        return found

    try:
        return unbroken(lambda: encode(texts), "a text")
    except BrokenTextError:
        for text in texts:  # the batch does not tell which
            shown = f"a text of {len(text):,} characters that begins {text[:40]!r}"
            unbroken(lambda text=text: encode([text]), shown, text)  # type: ignore[misc]
        raise
