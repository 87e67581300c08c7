"""Tokenizers by path, for looking at: no need to know which token ends a text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError
from gristmill.tokenize.encode import Encode, load_encoder, text_by_text
from gristmill.tokenize.formats.vocab import Vocabulary, listed_merges, load_vocabulary
from gristmill.tokenize.hf_engine import hf_encode, hf_tokenizer
from gristmill.tokenize.source import find_tokenizer


@dataclass(frozen=True)
class NamedTokenizer:
    """A ``tokenizer.json`` and a name to tell it from others shown beside it."""

    name: str
    path: Path

    def vocabulary(self) -> Vocabulary:
        """Read the bytes of all tokens. Raises ConfigError as ``load_vocabulary`` does."""
        return load_vocabulary(self.path)

    def ranks(self) -> dict[int, int]:
        """Return, for each token that a merge makes, the number of the first such merge, from 0."""
        data = json.loads(self.path.read_text("utf-8"))
        vocab = data["model"]["vocab"]
        found: dict[int, int] = {}
        for number, merge in enumerate(listed_merges(data)):
            made = "".join(merge)
            if made in vocab:
                found.setdefault(int(vocab[made]), number)
        return found

    def hf(self) -> Any:
        """Return the ``tokenizers.Tokenizer``; names of special tokens are ordinary text to it.

        Raises:
            ConfigError: ``tokenizers`` refuses the file.
        """
        return hf_tokenizer(self.path, self.path.read_text("utf-8"))

    def encode(self, vocabulary: Vocabulary) -> Encode:
        """Return the fastest engine with the ids of this file."""
        return self.engine(vocabulary)[1]

    def engine(self, vocabulary: Vocabulary) -> tuple[str, Encode]:
        """Return the fastest engine with the ids of this file, after its name.

        ``load_encoder`` asks which token ends a text; no text here is ended, so any will do.
        """
        special = sorted(vocabulary.special)
        if special:
            name = vocabulary.token_bytes[special[0]].decode("utf-8", "replace")
            encoder = load_encoder(self.path, name)
            return encoder.engine, encoder.encode
        return "tokenizers", text_by_text(hf_encode(self.hf()))


def named_tokenizers(paths: Sequence[str | Path]) -> list[NamedTokenizer]:
    """Find tokenizers and name each by the end of its path that tells it from the others.

    Args:
        paths: ``tokenizer.json`` files, or folders that hold one; so a run folder.

    Raises:
        ConfigError: none given, no such file, or one given twice.
    """
    files = [_file(Path(path).expanduser()) for path in paths]
    if not files:
        raise ConfigError("no tokenizer: name a tokenizer.json")
    parts = [file.absolute().parts for file in files]
    if len(set(parts)) < len(parts):
        raise ConfigError("the same tokenizer is named twice; name each once")
    names = [_name(p, _telling(p, parts)) for p in parts]
    if len(set(names)) < len(names):
        names = [str(file) for file in files]
    return [NamedTokenizer(name, file) for name, file in zip(names, files, strict=True)]


def _file(path: Path) -> Path:
    found = find_tokenizer(str(path))
    if found.is_dir():
        raise ConfigError(f"{path}: no tokenizer.json in this folder; check the path")
    if not found.is_file():
        raise ConfigError(f"{path}: no such file; check the path")
    return found


def _telling(mine: tuple[str, ...], parts: Sequence[tuple[str, ...]]) -> int:
    """Return how many last parts of a path no other path shares."""
    n = 1
    while sum(other[-n:] == mine[-n:] for other in parts) > 1:
        n += 1
    return n


def _name(parts: tuple[str, ...], n: int) -> str:
    """Return the last ``n`` parts; ``tokenizer.json`` says nothing and gives way to its folder."""
    shown = list(parts[-n:])
    if shown[-1] == "tokenizer.json":
        shown = list(parts[-max(n, 2) : -1])
        if shown == ["tokenizer"] or shown == ["shards"]:
            shown = list(parts[-3:-1])
    return "/".join(part.strip("/") for part in shown).removesuffix(".json") or parts[-1]
