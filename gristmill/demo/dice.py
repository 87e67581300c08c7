"""Choices that are the same on every machine, Python version and day."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of choices drawn from BLAKE2b of a seed.

    ``random.Random`` promises stable output for ``random()`` only, not for ``choice`` or
    ``shuffle``; the sample crawl must keep its bytes, so every choice is made from a hash.
    """

    def __init__(self, *seed: object) -> None:
        self._key = "\x1f".join(map(str, seed)).encode()
        self._words = self._stream()

    def _stream(self) -> Iterator[int]:
        count = 0
        while True:
            block = hashlib.blake2b(self._key + b"\x1f%d" % count).digest()
            yield from (int.from_bytes(block[i : i + 8], "big") for i in range(0, 64, 8))
            count += 1

    def roll(self, sides: int) -> int:
        """Return an integer in ``[0, sides)``; the modulo bias of 64 bits does not matter here."""
        return next(self._words) % sides

    def between(self, low: int, high: int) -> int:
        """Return an integer in ``[low, high]``."""
        return low + self.roll(high - low + 1)

    def chance(self, percent: int) -> bool:
        """Return True in about ``percent`` of a hundred calls."""
        return self.roll(100) < percent

    def pick(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.roll(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return ``items`` in a drawn order (Fisher-Yates)."""
        deck = list(items)
        for i in range(len(deck) - 1, 0, -1):
            j = self.roll(i + 1)
            deck[i], deck[j] = deck[j], deck[i]
        return deck
