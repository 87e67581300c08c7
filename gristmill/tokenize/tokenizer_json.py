"""``tokenizer.json`` and ranks: each made from the other, with the same ids."""

import json
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import (
    Vocabulary,
    byte_chars,
    check_special,
    listed_merges,
    load_vocabulary,
)
from gristmill.tokenize.merges import Pair, merges_of
from gristmill.tokenize.patterns import split_regex
from gristmill.tokenize.ranks import Ranks, pattern_for_both


def ranks_of(path: Path) -> Ranks:
    """Return the ranks of a ``tokenizer.json``.

    Raises:
        ConfigError: unreadable, or no byte-level BPE whose ids ranks alone can give.
    """
    vocabulary = load_vocabulary(path)
    data = json.loads(path.read_text("utf-8"))
    if problem := _not_plain(data):
        raise ConfigError(f"{path}: {problem}, which tiktoken has not; use it as tokenizer.json")
    tokens = {
        piece: number
        for number, piece in enumerate(vocabulary.token_bytes)
        if piece and number not in vocabulary.special
    }
    _check_merges(path, data, vocabulary, tokens)
    names = {str(token["content"]): int(token["id"]) for token in data.get("added_tokens") or []}
    special = dict(sorted(names.items(), key=lambda item: item[1]))
    return Ranks(pattern_for_both(_pattern(path, data), str(path)), tokens, special)


def _not_plain(data: dict[str, Any]) -> str | None:
    """Name what makes the ids depend on more than pattern and ranks, if anything."""
    model = data["model"]
    if data.get("normalizer") is not None:
        return "it normalises text"
    options = ("dropout", "byte_fallback", "continuing_subword_prefix", "end_of_word_suffix")
    if found := [name for name in options if model.get(name)]:
        return f"its model has {found[0]}"
    if plain := [t for t in data.get("added_tokens") or [] if not t.get("special")]:
        return f"its added token {plain[0]['content']!r} is found in ordinary text"
    return None


def _pattern(path: Path, data: dict[str, Any]) -> str:
    regex = split_regex(data)
    if regex is None:
        raise ConfigError(
            f"{path}: tiktoken cuts text by one regular expression, and this tokenizer does not; "
            "use it as tokenizer.json"
        )
    return regex


def _check_merges(
    path: Path, data: dict[str, Any], vocabulary: Vocabulary, tokens: dict[bytes, int]
) -> None:
    """Raise ConfigError unless joining by rank is joining by the list of merges."""
    at: dict[str, int] = data["model"]["vocab"]
    raw = vocabulary.token_bytes
    listed: list[tuple[Pair, int]] = []
    for left, right in listed_merges(data):
        if not {left, right, left + right} <= at.keys():
            raise ConfigError(f"{path}: a merge of unknown tokens; export the tokenizer again")
        listed.append(((raw[at[left]], raw[at[right]]), at[left + right]))
    numbers = [number for _, number in listed]
    needed = {(pair, tokens[pair[0] + pair[1]]) for pair in merges_of(tokens, str(path))}
    if numbers != sorted(numbers) or not needed <= set(listed):
        raise ConfigError(
            f"{path}: its merges do not stand in the order of their ids, and tiktoken joins by "
            "ids; use it as tokenizer.json"
        )


def tokenizer_json(ranks: Ranks, where: str) -> str:
    """Return the text of a ``tokenizer.json`` that gives the ids of the ranks.

    Args:
        ranks: what tiktoken encodes with.
        where: what to call them in messages.

    Raises:
        ConfigError: merges cannot give these ids, or special tokens clash.
    """
    from tokenizers import AddedToken, Tokenizer, models

    pairs = merges_of(ranks.tokens, where)
    char = byte_chars()

    def text(token: bytes) -> str:
        return "".join(char[byte] for byte in token)

    vocab = {text(token): number for token, number in ranks.tokens.items()}
    check_special(where, [*ranks.special.items()], vocab.__contains__)
    follow = range(len(vocab), len(vocab) + len(ranks.special))
    if [*vocab.values(), *ranks.special.values()] != list(range(follow.stop)):
        # HF numbers special tokens after all others, unless the vocabulary has them already.
        vocab |= ranks.special
    tokenizer = Tokenizer(models.BPE(vocab, [(text(a), text(b)) for a, b in pairs]))
    cut_like(tokenizer, ranks.pattern)
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True, normalized=False) for name in ranks.special]
    )
    return str(tokenizer.to_str(pretty=True)) + "\n"


def cut_like(tokenizer: Any, pattern: str, longest: int | None = None) -> None:
    """Make a tokenizer byte-level, with a split pattern; ``longest``: cut pieces to so many."""
    from tokenizers import Regex, decoders, pre_tokenizers

    parts: list[Any] = [pre_tokenizers.Split(Regex(pattern), behavior="isolated")]
    if longest:
        parts.append(pre_tokenizers.Split(Regex(f"(?m:.{{{longest}}})"), behavior="isolated"))
    parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    tokenizer.decoder = decoders.ByteLevel()
