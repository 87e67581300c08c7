"""tiktoken's encodings by name, from the files that tiktoken keeps. Nothing is ever downloaded.

tiktoken itself fetches what it does not have, and deletes and fetches again what has another
hash. So its files are found and read here, by its own rules (``tiktoken/load.py``).
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import byte_chars
from gristmill.tokenize.patterns import CL100K_BASE, GPT2, GPT4O
from gristmill.tokenize.ranks import Ranks, parse_ranks

_SITE = "https://openaipublic.blob.core.windows.net"
_END = "<|endoftext|>"


@dataclass(frozen=True)
class NamedEncoding:
    """What is known of one (openai/tiktoken, tiktoken_ext/openai_public.py)."""

    url: str
    sha256: str
    pattern: str
    special: tuple[tuple[str, int], ...]


ENCODINGS = {
    "gpt2": NamedEncoding(
        f"{_SITE}/gpt-2/encodings/main/vocab.bpe",
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
        GPT2,
        ((_END, 50256),),
    ),
    "r50k_base": NamedEncoding(
        f"{_SITE}/encodings/r50k_base.tiktoken",
        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
        GPT2,
        ((_END, 50256),),
    ),
    "p50k_base": NamedEncoding(
        f"{_SITE}/encodings/p50k_base.tiktoken",
        "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
        GPT2,
        ((_END, 50256),),
    ),
    "cl100k_base": NamedEncoding(
        f"{_SITE}/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        CL100K_BASE,
        (
            (_END, 100257),
            ("<|fim_prefix|>", 100258),
            ("<|fim_middle|>", 100259),
            ("<|fim_suffix|>", 100260),
            ("<|endofprompt|>", 100276),
        ),
    ),
    "o200k_base": NamedEncoding(
        f"{_SITE}/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        GPT4O,
        ((_END, 199999), ("<|endofprompt|>", 200018)),
    ),
}


def cached_file(name: str) -> Path:
    """Return tiktoken's file of an encoding.

    Raises:
        ConfigError: it is not there; the message says what to do.
    """
    path, url = cache_path(name), ENCODINGS[name].url
    if not path.is_file():
        raise ConfigError(
            f"tiktoken {name}: not in tiktoken's cache, and gristmill downloads nothing; on a "
            f"machine with network fetch {url} and put it at {path} (or under that name in a "
            "folder that TIKTOKEN_CACHE_DIR names)"
        )
    return path


def cache_path(name: str) -> Path:
    """Return where tiktoken keeps the file of an encoding, be it there or not."""
    chosen = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(chosen).absolute() if chosen else Path(tempfile.gettempdir()) / "data-gym-cache"
    # The name that tiktoken gives it; nothing secret about it.
    return folder / hashlib.sha1(ENCODINGS[name].url.encode(), usedforsecurity=False).hexdigest()


def read_encoding(name: str, path: Path) -> Ranks:
    """Return the ranks of a named encoding from its file.

    Raises:
        ConfigError: the file is not the published one.
    """
    known = ENCODINGS[name]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    if hashlib.sha256(data).hexdigest() != known.sha256:
        raise ConfigError(f"{path}: not the published file of {name}; fetch {known.url} again")
    tokens = gpt2_ranks(data.decode()) if name == "gpt2" else parse_ranks(data, str(path))
    return Ranks(known.pattern, tokens, dict(known.special))


def gpt2_ranks(text: str) -> dict[bytes, int]:
    """Read GPT-2's ``vocab.bpe``: a line of version, then one merge a line.

    Its bytes come first, printable ones before the others; then every merge makes the next token.
    """
    byte_of = {char: bytes([byte]) for byte, char in enumerate(byte_chars())}
    order = sorted(byte_of)  # printable characters stand before the shifted ones
    made = (line.replace(" ", "") for line in text.split("\n")[1:] if line)
    tokens = [byte_of[char] for char in order]
    tokens += [b"".join(byte_of[char] for char in token) for token in made]
    return {token: rank for rank, token in enumerate(tokens)}
