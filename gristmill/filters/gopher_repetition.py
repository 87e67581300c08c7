"""Gopher's repetition rules: pages that say the same thing over and over.

Rules and thresholds: Rae et al. 2021, arXiv 2112.11446, table A1; measured as datatrove 0.10.1
does (``GopherRepetitionFilter``), to the same numbers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns
from gristmill.pipeline.text import words
from gristmill.pipeline.word_languages import WordLanguage

TOP = (2, 3, 4)
DUPLICATED = (5, 6, 7, 8, 9, 10)
_KINDS = ("frac", "char_frac")
_PARAGRAPH_END = re.compile(r"\n{2,}")
# Odd, so that it has an inverse modulo 2**64 (the constant of Knuth's multiplicative hashing).
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
#: Powers for texts of up to so many characters are kept.
_USUAL = 1 << 16

Ratio = Annotated[float, Field(ge=0, le=1)]


class GopherRepetitionSignals(Map):
    """Measure repetition. All are shares of the text's characters unless the name says ``_frac``.

    ``gopher.dup_para_frac`` and ``gopher.dup_line_frac`` are shares of paragraphs and lines. A
    signal is null where it has no meaning: an empty text, or no n-gram of that length.
    """

    needs: ClassVar[tuple[str, ...]] = ("text",)

    language: WordLanguage = "en"  # whose words are counted

    def adds(self) -> Mapping[str, pa.DataType]:
        """``gopher.chars`` (int64) and the shares (float64)."""
        names = [f"gopher.dup_{unit}_{kind}" for unit in ("para", "line") for kind in _KINDS]
        names += [f"gopher.top_{n}_gram" for n in TOP]
        names += [f"gopher.dup_{n}_gram" for n in DUPLICATED]
        return {"gopher.chars": pa.int64()} | dict.fromkeys(names, pa.float64())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals."""
        rows = [_measure(text or "", self.language) for text in batch.column("text").to_pylist()]
        columns = {
            name: pa.array([row.get(name) for row in rows], kind)
            for name, kind in self.adds().items()
        }
        return with_columns(batch, columns)


class GopherRepetition(Judge):
    """Drop repetitive texts. ``None`` switches a rule off."""

    needs: ClassVar[tuple[str, ...]] = tuple(GopherRepetitionSignals().adds())

    dup_para_frac: Ratio | None = 0.3
    dup_para_char_frac: Ratio | None = 0.2
    dup_line_frac: Ratio | None = 0.3
    dup_line_char_frac: Ratio | None = 0.2
    top_2_gram: Ratio | None = 0.20
    top_3_gram: Ratio | None = 0.18
    top_4_gram: Ratio | None = 0.16
    dup_5_gram: Ratio | None = 0.15
    dup_6_gram: Ratio | None = 0.14
    dup_7_gram: Ratio | None = 0.13
    dup_8_gram: Ratio | None = 0.12
    dup_9_gram: Ratio | None = 0.11
    dup_10_gram: Ratio | None = 0.10
    language: WordLanguage = "en"

    def reasons(self) -> tuple[str, ...]:
        """``empty``, then one reason a rule, in the order in which they count."""
        return ("empty", *(reason for reason, _ in _rules()))

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return the first broken rule of each text."""
        checks = [("empty", pc.equal(batch.column("gopher.chars"), 0))]
        for reason, field in _rules():
            limit = getattr(self, field)
            if limit is not None:
                checks.append((reason, pc.greater(batch.column(f"gopher.{field}"), limit)))
        return first_reason(batch.num_rows, *checks)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        return (GopherRepetitionSignals(language=self.language), self)


def _rules() -> Iterator[tuple[str, str]]:
    """Yield (reason, field) in datatrove's order."""
    for unit in ("para", "line"):
        for kind in _KINDS:
            yield (f"dup_{unit}_{kind}",) * 2
    for n in TOP:
        yield (f"top_{n}_gram",) * 2
    for n in DUPLICATED:
        yield f"duplicated_{n}_n_grams", f"dup_{n}_gram"


def _measure(text: str, language: str) -> dict[str, float | int | None]:
    chars = len(text)
    row: dict[str, float | int | None] = {"gopher.chars": chars}
    if not chars:
        return row
    units = {"para": _paragraphs(text.strip()), "line": _lines(text)}
    for unit, parts in units.items():
        different = set(parts)
        row[f"gopher.dup_{unit}_frac"] = (len(parts) - len(different)) / len(parts)
        repeated = sum(map(len, parts)) - sum(map(len, different))
        row[f"gopher.dup_{unit}_char_frac"] = repeated / chars
    tokens = words(text, language)
    for n, top in zip(TOP, _top_ngrams(tokens), strict=True):
        row[f"gopher.top_{n}_gram"] = None if top is None else top / chars
    for n, repeated in zip(DUPLICATED, _duplicate_ngrams(tokens), strict=True):
        row[f"gopher.dup_{n}_gram"] = repeated / chars
    return row


def _paragraphs(text: str) -> list[str]:
    return _PARAGRAPH_END.split(text) if "\n\n" in text else [text]


def _lines(text: str) -> list[str]:
    r"""Split at runs of newlines, as ``re.split(r"\n+", text)`` does in three times the time."""
    parts = text.split("\n")
    return [parts[0], *filter(None, parts[1:-1]), parts[-1]] if len(parts) > 1 else parts


def _top_ngrams(tokens: Sequence[str]) -> list[int | None]:
    """Return, for each n in ``TOP``, characters covered by the most frequent n-gram.

    Words are joined by a space; among equally frequent n-grams the first in the text counts.
    """
    # A word's number is where it first stands.
    first: dict[str, int] = {}
    n_words = len(tokens)
    ids = np.fromiter(map(first.setdefault, tokens, range(n_words)), np.int64, n_words)
    codes, limit = ids, n_words  # codes[i] < limit stands for the n-gram at i
    found: list[int | None] = []
    for n in range(2, max(TOP) + 1):
        if n_words < n:
            found.append(None)
            continue
        if limit * n_words >= 1 << 63:
            codes = np.unique(codes, return_inverse=True)[1]
            limit = n_words
        codes = codes[:-1] * n_words + ids[n - 1 :]
        limit *= n_words
        start, count = _most_frequent(codes)
        found.append(len(" ".join(tokens[start : start + n])) * count)
    return found


def _most_frequent(codes: "np.ndarray[Any, Any]") -> tuple[int, int]:
    """Return (first position, count) of the most frequent value; of ties, the one seen first."""
    ordered = np.sort(codes)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(starts, append=len(ordered))
    best = int(counts.max())
    if best == 1:
        return 0, 1
    tied = ordered[starts[counts == best]]
    return int(np.argmax(_is_among(codes, tied))), best


def _is_among(values: "np.ndarray[Any, Any]", chosen: "np.ndarray[Any, Any]") -> Any:
    """Tell which values are among the chosen, sorted ones: in a fifth of the time of isin."""
    at = np.searchsorted(chosen, values)
    return chosen[np.minimum(at, len(chosen) - 1)] == values


def _duplicate_ngrams(tokens: Sequence[str]) -> list[int]:
    """Return, for each n in ``DUPLICATED``, characters in n-grams that came before.

    The scan skips a repeated n-gram as a whole; words are joined without a space, so n-grams
    count as equal when their letters are. A rolling hash of all windows finds the few that may
    have an equal elsewhere; only those are compared as text, so the hash cannot err.
    """
    joined = "".join(tokens)
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    ends = np.concatenate(([0], np.cumsum(lengths)))
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.uint64)
    prefix = np.concatenate((np.zeros(1, np.uint64), np.cumsum(codes * _powers(_BASE, len(codes)))))
    unshift = _powers(_INVERSE, len(codes) + 1)[ends]
    hashes = prefix[ends]
    return [
        0
        if len(tokens) < n
        else _repeated_chars(joined, ends, n, (hashes[n:] - hashes[:-n]) * unshift[:-n])
        for n in DUPLICATED
    ]


def _powers(base: int, n: int) -> "np.ndarray[Any, Any]":
    """Return base**0 .. base**(n-1) modulo 2**64."""
    return _usual_powers(base)[:n] if n <= _USUAL else _all_powers(base, n)


@lru_cache(maxsize=2)
def _usual_powers(base: int) -> "np.ndarray[Any, Any]":
    powers = _all_powers(base, _USUAL)
    powers.setflags(write=False)
    return powers


def _all_powers(base: int, n: int) -> "np.ndarray[Any, Any]":
    powers = np.full(n, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers)


def _repeated_chars(
    joined: str, ends: "np.ndarray[Any, Any]", n: int, windows: "np.ndarray[Any, Any]"
) -> int:
    ordered = np.sort(windows)
    shared = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(shared):
        return 0
    candidates = np.flatnonzero(_is_among(windows, shared))
    seen: set[str] = set()
    repeated, free = 0, 0
    spans = (candidates, ends[candidates], ends[candidates + n])
    for i, start, end in zip(*(span.tolist() for span in spans), strict=True):
        if i < free:
            continue
        ngram = joined[start:end]
        if ngram in seen:
            repeated += len(ngram)
            free = i + n
        else:
            seen.add(ngram)
    return repeated
