"""Gopher's quality rules: texts that do not look like prose.

Rules and thresholds: Rae et al. 2021, arXiv 2112.11446, section A1.1 and its table; measured as
datatrove 0.10.1 does (``GopherQualityFilter``): words without a symbol count for length, all
tokens for the ratios, and stop words are counted once each.
"""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from operator import mul
from typing import Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns
from gristmill.pipeline.text import PUNCTUATION, words
from gristmill.pipeline.word_languages import WordLanguage

#: The paper's list; two different ones must occur.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")

Ratio = Annotated[float, Field(ge=0)]


class GopherQualitySignals(Map):
    """Measure word and line statistics. Ratios are null where there is nothing to divide by."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    stop_words: tuple[str, ...] = STOP_WORDS
    language: WordLanguage = "en"  # whose words are counted

    def adds(self) -> Mapping[str, pa.DataType]:
        """Counts (int64) and ratios (float64)."""
        counts = ("gopher.words", "gopher.tokens", "gopher.stop_words")
        ratios = (
            "gopher.avg_word_length",  # characters
            "gopher.hash_ratio",  # '#' per token
            "gopher.ellipsis_ratio",  # '...' and '…' per token
            "gopher.bullet_lines",
            "gopher.ellipsis_lines",
            "gopher.alpha_words",
        )
        return dict.fromkeys(counts, pa.int64()) | dict.fromkeys(ratios, pa.float64())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals."""
        stop_words = frozenset(self.stop_words)
        texts = batch.column("text").to_pylist()
        rows = [_measure(text or "", stop_words, self.language) for text in texts]
        columns = {
            name: pa.array([row.get(name) for row in rows], kind)
            for name, kind in self.adds().items()
        }
        return with_columns(batch, columns)


class GopherQuality(Judge):
    """Drop texts that are too short, too long or made of other things than words.

    ``None`` switches a rule off. A text without any token is ``empty`` where no earlier rule
    drops it (datatrove would divide by zero there).
    """

    needs: ClassVar[tuple[str, ...]] = tuple(GopherQualitySignals().adds())

    min_words: Annotated[int, Field(ge=0)] | None = 50
    max_words: Annotated[int, Field(ge=0)] | None = 100_000
    min_avg_word_length: Ratio | None = 3
    max_avg_word_length: Ratio | None = 10
    max_symbol_ratio: Ratio | None = 0.1
    max_bullet_lines: Ratio | None = 0.9
    max_ellipsis_lines: Ratio | None = 0.3
    min_alpha_words: Ratio | None = 0.8
    min_stop_words: Annotated[int, Field(ge=0)] | None = 2
    stop_words: tuple[str, ...] = STOP_WORDS
    language: WordLanguage = "en"

    def reasons(self) -> tuple[str, ...]:
        """The reasons, named as datatrove does, in the order in which they count."""
        return (
            "gopher_short_doc",
            "gopher_long_doc",
            "gopher_below_avg_threshold",
            "gopher_above_avg_threshold",
            "empty",
            "gopher_too_many_hashes",
            "gopher_too_many_ellipsis",
            "gopher_too_many_bullets",
            "gopher_too_many_end_ellipsis",
            "gopher_below_alpha_threshold",
            "gopher_enough_stop_words",
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return the first broken rule of each text."""
        less, more = pc.less, pc.greater
        rules = (
            (less, "words", self.min_words),
            (more, "words", self.max_words),
            (less, "avg_word_length", self.min_avg_word_length),
            (more, "avg_word_length", self.max_avg_word_length),
            (pc.equal, "tokens", 0),
            (more, "hash_ratio", self.max_symbol_ratio),
            (more, "ellipsis_ratio", self.max_symbol_ratio),
            (more, "bullet_lines", self.max_bullet_lines),
            (more, "ellipsis_lines", self.max_ellipsis_lines),
            (less, "alpha_words", self.min_alpha_words),
            (less, "stop_words", self.min_stop_words),
        )
        checks = [
            (reason, compare(batch.column(f"gopher.{signal}"), limit))
            for reason, (compare, signal, limit) in zip(self.reasons(), rules, strict=True)
            if limit is not None
        ]
        return first_reason(batch.num_rows, *checks)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        return (GopherQualitySignals(stop_words=self.stop_words, language=self.language), self)


@lru_cache(maxsize=1 << 16)
def _kind(word: str) -> tuple[int, int, bool]:
    """Return (1 if it has something other than punctuation, its length if so, has a letter)."""
    real = not PUNCTUATION.issuperset(word)
    return int(real), len(word) * real, word.isalpha() or any(map(str.isalpha, word))


def _measure(text: str, stop_words: frozenset[str], language: str) -> dict[str, float | int | None]:
    tokens = words(text, language)
    row: dict[str, float | int | None] = {
        "gopher.tokens": len(tokens),
        "gopher.stop_words": len(stop_words.intersection(tokens)),
    }
    counts = Counter(tokens)
    times = tuple(counts.values())
    reals, lengths, lettered = zip(*map(_kind, counts), strict=True) if counts else ((), (), ())
    real, chars, letters = (sum(map(mul, kind, times)) for kind in (reals, lengths, lettered))
    row["gopher.words"] = real
    if real:
        row["gopher.avg_word_length"] = chars / real
    if tokens:
        row["gopher.hash_ratio"] = text.count("#") / len(tokens)
        row["gopher.ellipsis_ratio"] = (text.count("...") + text.count("…")) / len(tokens)
        row["gopher.alpha_words"] = letters / len(tokens)
    lines = text.splitlines()
    if lines:
        bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
        ellipses = sum(line.rstrip().endswith(("...", "…")) for line in lines)
        row["gopher.bullet_lines"] = bullets / len(lines)
        row["gopher.ellipsis_lines"] = ellipses / len(lines)
    return row
