"""A byte-level BPE as tiktoken has it: ranks, a pattern, special tokens. In files, and in memory.

``tokenizer.tiktoken`` holds one token a line: its bytes in base64 and its rank, which is its id.
``tokenizer.tiktoken.json`` beside it holds what else ``tiktoken.Encoding`` wants.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gristmill.errors import ConfigError
from gristmill.pipeline.durable import write_durably
from gristmill.tokenize.formats.regular import check_regular
from gristmill.tokenize.formats.vocab import MAX_ID, check_special, spelt
from gristmill.tokenize.patterns import (
    FROM_TIKTOKEN,
    PROPERTIES,
    may_be_empty,
    reads_alike,
    takes_all,
)

_Token = TypeVar("_Token", bytes, str)


@dataclass(frozen=True)
class Ranks:
    """One tokenizer.

    Attributes:
        pattern: how text is cut into pieces; reads alike in tiktoken and HF tokenizers.
        tokens: id by the bytes of a token, in order of id.
        special: id by the name of a special token, in order of id.
    """

    pattern: str
    tokens: Mapping[bytes, int]
    special: Mapping[str, int]

    @property
    def size(self) -> int:
        """Number of ids, those of gaps included."""
        return 1 + max([*self.tokens.values(), *self.special.values()], default=-1)

    def to_tiktoken(self, name: str) -> Any:
        """Return a ``tiktoken.Encoding``."""
        import tiktoken

        return tiktoken.Encoding(
            name,
            pat_str=self.pattern,
            mergeable_ranks=dict(self.tokens),
            special_tokens=dict(self.special),
        )

    def write(self, path: Path) -> Path:
        """Write the ranks to ``path`` and the rest beside it; return where the rest is."""
        lines = (
            base64.b64encode(token) + b" %d\n" % rank
            for token, rank in sorted(self.tokens.items(), key=lambda item: item[1])
        )
        write_durably(path, b"".join(lines))
        body = {"pat_str": self.pattern, "special_tokens": dict(self.special)}
        text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
        write_durably(beside(path), text.encode())
        return beside(path)


def beside(path: Path) -> Path:
    """Return where pattern and special tokens stand: ``x.tiktoken`` → ``x.tiktoken.json``."""
    return path.with_name(path.name + ".json")


def load_tiktoken(path: Path) -> Any:
    """Return the ``tiktoken.Encoding`` of an exported ``tokenizer.tiktoken``.

    Raises:
        ConfigError: see ``read_ranks``.
    """
    return read_ranks(path).to_tiktoken(path.stem)


def pattern_for_both(pattern: str, where: str) -> str:
    """Return the pattern, or one that cuts alike, so that tiktoken and HF tokenizers agree.

    Raises:
        ConfigError: there is none that is known, or tiktoken would lose text.
    """
    pattern = FROM_TIKTOKEN.get(pattern, pattern)
    if not reads_alike(pattern):
        raise ConfigError(
            f"{where}: tiktoken and HF tokenizers may read its split pattern {pattern!r:.80} "
            "differently; write it without $ ^ {1,3}+ \\w \\b, flags, groups that repeat, "
            f"classes in classes, and properties other than {' '.join(PROPERTIES)}, or keep to one"
        )
    if may_be_empty(pattern):
        raise ConfigError(
            f"{where}: its split pattern {pattern!r:.80} may match no character, and tiktoken "
            "breaks down there; let every alternative take one"
        )
    if not takes_all(pattern):
        raise ConfigError(
            f"{where}: its split pattern {pattern!r:.80} may leave characters out, which tiktoken "
            "drops and HF tokenizers keeps; end it with |[\\s\\S]"
        )
    return pattern


def read_ranks(path: Path) -> Ranks:
    """Read an exported ``.tiktoken`` and the JSON beside it.

    Raises:
        ConfigError: one of them is missing or damaged, special tokens clash, or the pattern is not
            safe.
    """
    tokens = parse_ranks(_bytes(path), str(path))
    side = beside(path)
    try:
        # Pairs, not a dict: that would hide a name that comes twice.
        body = dict(json.loads(_bytes(side), object_pairs_hook=tuple))
        pattern, special = body["pat_str"], body["special_tokens"]
        if not isinstance(special, tuple):
            raise TypeError("no names and ids")
        names = [(str(name), _id(number)) for name, number in special]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{side}: not the pattern and special tokens of {path.name}; "
            "`gristmill tokenizer export` writes both"
        ) from error
    ordinary = {spelt(token) for token in tokens}
    check_special(str(side), names, ordinary.__contains__)
    if clash := {number for _, number in names} & set(tokens.values()):
        raise ConfigError(f"{side}: id {min(clash)} is special here and a rank in {path.name}")
    return Ranks(pattern_for_both(str(pattern), str(side)), tokens, _by_id(dict(names)))


def parse_ranks(data: bytes, where: str) -> dict[bytes, int]:
    """Read lines of base64 and rank.

    Raises:
        ConfigError: a line that is none, or a token or rank that comes twice.
    """
    tokens: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line:
            continue
        try:
            token, rank = line.split()
            tokens[base64.b64decode(token, validate=True)] = _id(int(rank))
        except (ValueError, binascii.Error) as error:
            raise ConfigError(
                f"{where} line {number}: not a token in base64 and its rank; get the file again"
            ) from error
    lines = sum(1 for line in data.splitlines() if line)
    if not tokens or b"" in tokens or len({*tokens.values()}) != lines:
        raise ConfigError(
            f"{where}: no tokens, or one that comes twice or is empty; get the file again"
        )
    return _by_id(tokens)


def _id(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < MAX_ID:
        raise ValueError(f"{number!r} is no token id")
    return number


def _by_id(ids: Mapping[_Token, int]) -> dict[_Token, int]:
    return dict(sorted(ids.items(), key=lambda item: item[1]))


def _bytes(path: Path) -> bytes:
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
