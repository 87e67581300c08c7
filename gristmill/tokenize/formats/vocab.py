"""The bytes behind every token id of a byte-level BPE ``tokenizer.json``.

Needed for bits per byte and for decoding, without the ``tokenizers`` library: bits per byte must
count a token's *raw* bytes, since a token that is half a character has no text of its own
(nanochat#693, autoresearch#384).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.contract import StrPath
from gristmill.tokenize.formats.regular import check_regular


def byte_chars() -> list[str]:
    """Return the character that stands for each byte in a ``tokenizer.json``.

    It is GPT-2's reversible map, ``bytes_to_unicode`` in its ``encoder.py``.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    shifted = iter(range(256, 512))
    return [chr(byte if byte in printable else next(shifted)) for byte in range(256)]


@lru_cache(maxsize=1)
def _char_to_byte() -> dict[str, int]:
    return {char: byte for byte, char in enumerate(byte_chars())}


@lru_cache(maxsize=1)
def _byte_to_char() -> dict[int, str]:
    return {byte: char for char, byte in _char_to_byte().items()}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Token ids, their bytes, and which of them are special.

    Attributes:
        token_bytes: raw bytes by id; b"" for ids that the tokenizer leaves out.
        special: ids of added tokens marked special; their bytes are their literal name.
    """

    token_bytes: tuple[bytes, ...]
    special: frozenset[int]

    def __len__(self) -> int:
        return len(self.token_bytes)

    def to_bytes(self, ids: Iterable[int], *, skip_special: bool = False) -> bytes:
        """Join the bytes of tokens. Ids outside the vocabulary raise ConfigError."""
        pieces = []
        for token in ids:
            if not 0 <= token < len(self.token_bytes):
                raise ConfigError(
                    f"token id {token} is outside the vocabulary of {len(self)}; "
                    "use the tokenizer that the shards were written with"
                )
            if not (skip_special and token in self.special):
                pieces.append(self.token_bytes[token])
        return b"".join(pieces)

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """Return the text of tokens; bytes that are not UTF-8 become U+FFFD."""
        return self.to_bytes(ids, skip_special=skip_special).decode("utf-8", errors="replace")


def load_vocabulary(path: StrPath) -> Vocabulary:
    """Read a Hugging Face ``tokenizer.json`` of a byte-level BPE.

    Raises:
        ConfigError: unreadable, not JSON, not byte-level BPE, ids or special tokens that clash,
            or a token of more than 64 KiB.
    """
    data = _read(path)
    model = data.get("model")
    model = model if isinstance(model, dict) else {}
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or model.get("type", "BPE") != "BPE":
        raise ConfigError(f"{path}: not a BPE tokenizer.json; train one with byte-level BPE")
    added = data.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise ConfigError(f"{path}: added_tokens is no list of tokens; export the tokenizer again")
    literal = {_id(path, token.get("id")): str(token.get("content", "")) for token in added}
    _check_added(path, data, vocab)
    by_id = {number: text.encode("utf-8", "replace") for number, text in literal.items()}
    for text, number in vocab.items():
        if _id(path, number) not in by_id:
            by_id[number] = _raw_bytes(path, text, number)
    for number, raw in by_id.items():
        if len(raw) > _LONGEST:
            raise ConfigError(
                f"{path}: token {number} has {len(raw):,} bytes, more than {_LONGEST:,}; "
                "export the tokenizer again"
            )
    size = max(by_id, default=-1) + 1
    return Vocabulary(
        token_bytes=tuple(by_id.get(number, b"") for number in range(size)),
        special=frozenset(int(token["id"]) for token in added if token.get("special")),
    )


def token_bytes(path: StrPath) -> list[bytes]:
    """Return the raw bytes of every token id. Raises ConfigError as ``load_vocabulary`` does."""
    return list(load_vocabulary(path).token_bytes)


def check_special(
    where: str, special: Sequence[tuple[str, int]], is_ordinary: Callable[[str], bool]
) -> None:
    """Refuse special tokens that are not distinct from each other and from ordinary tokens.

    Args:
        where: what to call the tokenizer in messages.
        special: name and id of each.
        is_ordinary: tells whether there is an ordinary token, spelt as in a ``tokenizer.json``.

    Raises:
        ConfigError: an empty name, a name or id that comes twice, or an ordinary token.
    """
    owners: dict[int, str] = {}
    for name, number in special:
        problem = None
        if not name:
            problem = "a special token is empty"
        elif name in owners.values():
            problem = f"special token {name!r} comes twice"
        elif number in owners:
            problem = f"special tokens {owners[number]!r} and {name!r} have one id, {number}"
        elif is_ordinary(name) or is_ordinary(spelt(name.encode("utf-8", "replace"))):
            problem = f"special token {name!r} is also an ordinary token of this vocabulary"
        if problem:
            raise ConfigError(
                f"{where}: {problem}; choose names that no text contains, such as <|endoftext|>"
            )
        owners[number] = name


def spelt(token: bytes) -> str:
    """Return what a ``tokenizer.json`` calls an ordinary token of these bytes."""
    char = _byte_to_char()
    return "".join(char[byte] for byte in token)


def listed_merges(data: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the merges of a parsed ``tokenizer.json``; older files have them as text."""
    for merge in data["model"].get("merges") or []:
        yield tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge)


def _check_added(path: StrPath, data: dict[str, Any], vocab: dict[str, int]) -> None:
    added = data.get("added_tokens") or []
    special = [(str(t.get("content", "")), int(t["id"])) for t in added if t.get("special")]
    made = {"".join(merge) for merge in listed_merges(data)}
    # HF tokenizers may keep a special token in the vocabulary too: no merge makes it then.
    kept = {name for name, number in special if vocab.get(name) == number and len(name) > 1} - made
    check_special(str(path), special, lambda text: text in vocab and text not in kept)


def _read(path: StrPath) -> dict[str, Any]:
    check_regular(path)
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON ({error}); export the tokenizer again") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: not a tokenizer.json; export the tokenizer again")
    return data


#: Larger ids than this come from damage, not from a vocabulary, and would exhaust memory.
MAX_ID = 2**24

#: Longer tokens than this come from damage too: no piece of a text that repeats is so long.
_LONGEST = 1 << 16


def _id(path: StrPath, number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < MAX_ID:
        raise ConfigError(f"{path}: {number!r} is not a token id; export the tokenizer again")
    return number


def _raw_bytes(path: StrPath, text: str, number: int) -> bytes:
    table = _char_to_byte()
    try:
        return bytes(table[char] for char in text)
    except KeyError as error:
        raise ConfigError(
            f"{path}: token {number} ({text!r}) is not byte-level; gristmill needs a byte-level "
            "BPE such as the one that `gristmill tokenizer train` writes"
        ) from error
