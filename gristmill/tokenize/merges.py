"""Between the two ways to write down a byte-level BPE: a list of merges, and ranks of tokens.

HF tokenizers joins the pair that stands first in its list of merges. tiktoken joins the two
neighbours that spell the token of lowest rank. Both come to the same end where every token, spelt
in bytes and joined by lower ranks only, comes to exactly two parts: these two are its merge. Where
a text spells a token between two boundaries, its bytes then go through the same joins as alone,
so no other pair that spells it ever stands side by side.
"""

from collections.abc import Mapping
from heapq import heappop, heappush

from gristmill.errors import ConfigError

Pair = tuple[bytes, bytes]


def merges_of(ranks: Mapping[bytes, int], where: str) -> list[Pair]:
    """Return the merge of every token of more than one byte, in order of rank.

    Args:
        ranks: tokens by their bytes.
        where: what to call them in messages.

    Raises:
        ConfigError: a byte without token, or a token that no merge of two tokens makes.
    """
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise ConfigError(
            f"{where}: byte 0x{missing[0]:02x} has no token; only a vocabulary with all 256 bytes "
            "is a byte-level BPE"
        )
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) == 1:
            continue
        parts = split(token, ranks, rank)
        if len(parts) != 2:
            raise ConfigError(
                f"{where}: token {rank} ({token!r}) is made by no merge of two tokens of lower "
                "rank, so that ranks and merges cannot both give its ids; use this tokenizer in "
                "the form it came in"
            )
        merges.append((parts[0], parts[1]))
    return merges


def split(token: bytes, ranks: Mapping[bytes, int], below: int) -> list[bytes]:
    """Return what a token's bytes come to when neighbours are joined by ranks under ``below``."""
    size = len(token)
    end_of = list(range(1, size + 1))  # of the part that begins here; 0 where none does
    before = list(range(-1, size))  # where the part that ends here, or at size, begins
    pairs: list[tuple[int, int, int]] = []  # rank, start and end; the first of the lowest on top

    def note(start: int) -> None:
        if end_of[start] < size:
            end = end_of[end_of[start]]
            rank = ranks.get(token[start:end], below)
            if rank < below:
                heappush(pairs, (rank, start, end))

    for start in range(size):
        note(start)
    while pairs:
        _, start, end = heappop(pairs)
        middle = end_of[start]
        if not middle or middle >= size or end_of[middle] != end:
            continue  # one of the two has been joined with another
        end_of[middle], end_of[start], before[end] = 0, end, start
        note(start)
        if start:
            note(before[start])
    return [token[start:end] for start, end in enumerate(end_of) if end]
