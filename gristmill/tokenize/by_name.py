"""Tokenizers by whatever a user names: a file, a folder, an export for tiktoken, an encoding."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gristmill.errors import ConfigError
from gristmill.tokenize.encodings import ENCODINGS, cached_file, read_encoding
from gristmill.tokenize.exports import JSON
from gristmill.tokenize.ranks import Ranks, read_ranks
from gristmill.tokenize.source import find_tokenizer, is_ranks
from gristmill.tokenize.tokenizer_json import tokenizer_json


@contextmanager
def as_tokenizer_json(name: str) -> Iterator[Path]:
    """Give a ``tokenizer.json`` of whatever a user names; one that is made here goes again.

    Raises:
        ConfigError: there is no such tokenizer, or it is damaged.
    """
    ranks = ranks_named(name)
    if ranks is None:
        yield find_tokenizer(name)
        return
    with tempfile.TemporaryDirectory(prefix="gristmill-") as temp:
        path = Path(temp) / f"{Path(name).stem}.json"  # what it is called when it is shown
        path.write_text(tokenizer_json(ranks, name), "utf-8")
        yield path


def ranks_named(name: str) -> Ranks | None:
    """Return the ranks of a ``.tiktoken`` file or named encoding; None for a ``tokenizer.json``.

    Raises:
        ConfigError: there is no such tokenizer, or it is damaged.
    """
    path = find_tokenizer(name)
    if path.is_file():
        return read_ranks(path) if is_ranks(path) else None
    if name in ENCODINGS:
        return read_encoding(name, cached_file(name))
    raise ConfigError(
        f"tokenizer {name}: no such file, no folder with {JSON}, nor one of {', '.join(ENCODINGS)}"
    )
