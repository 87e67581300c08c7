"""FineWeb's own quality rules: lists, menus and texts without sentence ends.

Rules and thresholds: Penedo et al. 2024, arXiv 2406.17557, section 3.6; measured as datatrove
0.10.1 does (``FineWebQualityFilter``). Its code has always used 0.01 for duplicated characters
where the paper says 0.1; the code is the recipe that made FineWeb.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns
from gristmill.pipeline.text import TERMINAL_PUNCTUATION, words
from gristmill.pipeline.word_languages import WordLanguage

Ratio = Annotated[float, Field(ge=0)]
Length = Annotated[int, Field(ge=0)]


class FinewebSignals(Map):
    """Measure lines. Blank lines do not count; ratios are null where there is no other line."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    short_line_length: Length = 30  # characters
    stop_chars: str | None = None  # characters that end a sentence; None: those of all scripts
    language: WordLanguage = "en"  # whose words are counted

    def adds(self) -> Mapping[str, pa.DataType]:
        """``fineweb.lines`` (int64) and the ratios (float64)."""
        ratios = ("line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio")
        return {"fineweb.lines": pa.int64()} | {f"fineweb.{name}": pa.float64() for name in ratios}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals."""
        stops = TERMINAL_PUNCTUATION if self.stop_chars is None else frozenset(self.stop_chars)
        rows = [self._measure(text or "", stops) for text in batch.column("text").to_pylist()]
        columns = {
            name: pa.array([row.get(name) for row in rows], kind)
            for name, kind in self.adds().items()
        }
        return with_columns(batch, columns)

    def _measure(self, text: str, stops: frozenset[str]) -> dict[str, float | int]:
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        row: dict[str, float | int] = {"fineweb.lines": len(lines)}
        if not lines:
            return row
        newlines = text.count("\n")
        ended = sum(line[-1] in stops for line in lines)
        short = sum(len(line) <= self.short_line_length for line in lines)
        repeated = sum(map(len, lines)) - sum(map(len, set(lines)))
        row["fineweb.line_punct_ratio"] = ended / len(lines)
        row["fineweb.short_line_ratio"] = short / len(lines)
        row["fineweb.char_dup_ratio"] = repeated / (len(text) - newlines)
        n_words = len(words(text, self.language))
        if n_words:  # Kiwi deletes numbers; elsewhere a line that shows has a word
            row["fineweb.list_ratio"] = newlines / n_words
        return row


class FinewebQuality(Judge):
    """Drop texts whose lines look like lists, menus or repeated blocks. ``None``: rule off."""

    needs: ClassVar[tuple[str, ...]] = tuple(FinewebSignals().adds())

    min_line_punct: Ratio | None = 0.12
    keep_no_line_punct: bool = False  # a ratio of exactly 0 passes: scripts without such marks
    max_short_lines: Ratio | None = 0.67
    max_char_dup: Ratio | None = 0.01
    max_newlines_per_word: Ratio | None = 0.3
    short_line_length: Length = 30
    stop_chars: str | None = None
    language: WordLanguage = "en"

    def reasons(self) -> tuple[str, ...]:
        """The reasons, named as datatrove does, in the order in which they count."""
        return ("empty", "line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return the first broken rule of each text."""
        checks = [("empty", pc.equal(batch.column("fineweb.lines"), 0))]
        if self.min_line_punct is not None:
            ratio = batch.column("fineweb.line_punct_ratio")
            few = pc.less(ratio, self.min_line_punct)
            if self.keep_no_line_punct:
                few = pc.and_(few, pc.not_equal(ratio, 0))
            checks.append(("line_punct_ratio", few))
        limits = (
            ("short_line_ratio", self.max_short_lines),
            ("char_dup_ratio", self.max_char_dup),
            ("list_ratio", self.max_newlines_per_word),
        )
        for name, limit in limits:
            if limit is not None:
                checks.append((name, pc.greater(batch.column(f"fineweb.{name}"), limit)))
        return first_reason(batch.num_rows, *checks)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        signals = FinewebSignals(
            short_line_length=self.short_line_length,
            stop_chars=self.stop_chars,
            language=self.language,
        )
        return (signals, self)
