"""Look at a whole page, cheaply, before the slow extractor does: drop what can be no document.

All text of a page, navigation and footers included, costs a tenth of an extraction. What an
extract must have, its page must have too: enough words, stop words, a letter, some stretch of text
in a wanted language. A page without them is dropped here; what is not certain goes on.

How many documents this loses, and how many pages it spares: ``benchmarks/prescreen.py``.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.filters.gopher_quality import STOP_WORDS
from gristmill.filters.language import Language, scores
from gristmill.filters.page_text import page_text
from gristmill.pipeline.extract.decode import decode_labelled
from gristmill.pipeline.extract.stage import PageCaps, page_problem
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns
from gristmill.pipeline.text import PUNCTUATION, words

#: Characters of a stretch of text whose language is asked for; whole lines, none over the second.
WINDOW, LONGEST_LINE = 400, 1000
#: A window is in a wanted language from this score on: no keeper of the 1,031 among the project's
#: real pages is lost with anything from 0.02 to 0.5 (with resiliparse's text of whole pages).
WANTED_SCORE = 0.5
#: Once so much of a page is known to be in a wanted language, the rest is not looked at. As a limit
#: it would lose 4 keepers of 1,031 (the same); 0.08 and less lose none, and 0.05 is the default.
ENOUGH = 0.1
#: A line of so many characters is prose: such lines are looked at first.
PROSE = 80
#: Words are counted in page texts of up to so many characters; longer ones have hundreds.
SHORT_TEXT = 2000
#: A forum whose pages hold their text in an attribute, where trafilatura looks for it.
_TEXT_IN_ATTRIBUTE = b"data-preloaded"
_LETTER = re.compile(r"[^\W\d_]")

Limit = Annotated[int, Field(ge=0)]


class _Screen(PageCaps):
    """What the recipe sets on the Judge and the Map measures by."""

    languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    stop_words: tuple[str, ...] | None = Field(
        None,
        description="None: Gopher's where English alone is wanted, else none. Lines without "
        "any are not asked for their language",
    )
    model: str | None = None
    sha256: str | None = None


class PrescreenSignals(_Screen, Map):
    """Measure the whole text of each page. A signal is null where it was not needed.

    Pages that cannot be looked at are left to the extractor, all null: beyond the caps, without a
    charset that is named or UTF-8, or with their text in an attribute.
    """

    needs: ClassVar[tuple[str, ...]] = ("html", "content_type")

    def adds(self) -> Mapping[str, pa.DataType]:
        """Words: null for long texts and without stop words. Shares are exact below ``ENOUGH``."""
        return {
            "prescreen.letters": pa.bool_(),
            "prescreen.words": pa.int32(),  # with something other than punctuation
            "prescreen.stop_words": pa.int32(),  # different ones; 2 stands for 2 and more
            "prescreen.wanted_share": pa.float64(),  # of the text, in windows of that language
        }

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals.

        Raises:
            ConfigError: the language model is missing or not the promised one.
        """
        pages = zip(*(batch.column(name).to_pylist() for name in self.needs), strict=True)
        texts = [self._text(*page) for page in pages]
        pattern = self._stop_word()
        language = self._counted_as()
        rows = [{} if text is None else measure(text, pattern, language) for text in texts]
        # Without any stop word there is no window to look at.
        known = [i for i, row in enumerate(rows) if row.get("prescreen.stop_words", bool(row))]
        shares = self._wanted_shares([texts[i] or "" for i in known], pattern)
        share_of = dict(zip(known, shares, strict=True))
        for i, row in enumerate(rows):
            if row:
                row["prescreen.wanted_share"] = share_of.get(i, 0.0)
        columns = {
            name: pa.array([row.get(name) for row in rows], kind)
            for name, kind in self.adds().items()
        }
        return with_columns(batch, columns)

    def _text(self, html: bytes | None, content_type: str | None) -> str | None:
        """Return the whole text of a page, or None where it is left to the extractor."""
        if html is None or page_problem(html, self.max_html_bytes, self.max_tags):
            return None
        decoded = decode_labelled(html, content_type)
        if decoded is None or _TEXT_IN_ATTRIBUTE in html:
            return None
        text, charset = decoded
        return page_text(html if charset == "utf-8" else text.encode())

    def _counted_as(self) -> str | None:
        """Return the language whose rules say what a word is; None where several are wanted."""
        return self.languages[0] if len(self.languages) == 1 else None

    def _stop_word(self) -> re.Pattern[str] | None:
        """Return a pattern that finds any of the stop words, or None where there are none."""
        chosen = self.stop_words
        if chosen is None:
            chosen = STOP_WORDS if self.languages == ("en",) else ()
        if not chosen:
            return None
        # Not `\b`: an underscore parts words here, as it does for spaCy. What stands before a
        # word is looked at after the word: that is a third quicker.
        found = "|".join(rf"{word}(?<![^\W_]{word})" for word in map(re.escape, chosen))
        return re.compile(rf"(?:{found})(?![^\W_])")

    def _wanted_shares(self, texts: list[str], stop_word: re.Pattern[str] | None) -> list[float]:
        """Return how much of each text stands in windows of a wanted language, up to ``ENOUGH``.

        The first windows settle most pages that are wanted, so those are asked about together,
        and the others only where that was not enough.
        """
        stretches = [windows(text, stop_word) for text in texts]
        enough = [ENOUGH * len(text) for text in texts]
        found = [0.0] * len(texts)
        for sizes in (enough, [math.inf] * len(texts)):
            asked = [
                (i, window)
                for i, stretch in enumerate(stretches)
                if found[i] < enough[i]
                for window in _take(stretch, sizes[i])
            ]
            answers = scores([window for _, window in asked], WANTED_SCORE, self.model, self.sha256)
            for (i, window), labels in zip(asked, answers, strict=True):
                label, score = labels[0] if labels else ("", 0.0)
                if label in self.languages and score >= WANTED_SCORE:
                    found[i] += len(window)
        return [
            min(ENOUGH, size / max(1, len(text))) for size, text in zip(found, texts, strict=True)
        ]


class Prescreen(_Screen, Judge):
    """Drop pages whose whole text rules a wanted document out. ``None`` switches a rule off.

    ``drop_below`` is the one rule that may err: at least that share of a page's text stands in
    stretches of a wanted language, or the page is dropped. The others are bounds: set them to what
    later stages ask of the extract (``gopher_quality``: 50 words, 2 stop words), a little lower
    for words, since an extract may hold a line twice; or leave them off. Contractions without their
    apostrophe (``thats``) are the one case in which a page may have a stop word uncounted. A page
    without any letter is always dropped.
    """

    needs: ClassVar[tuple[str, ...]] = tuple(PrescreenSignals().adds())

    drop_below: Annotated[float, Field(ge=0, le=ENOUGH)] | None = 0.05
    min_words: Limit | None = None
    min_stop_words: Annotated[int, Field(ge=0, le=2)] | None = None

    def assets(self) -> Mapping[str, str]:
        """The language model. Raises ConfigError where it is missing or not the promised one."""
        return Language(keep=self.languages, model=self.model, sha256=self.sha256).assets()

    def reasons(self) -> tuple[str, ...]:
        """The reasons, in the order in which they count."""
        return ("no_letter", "too_few_stop_words", "too_few_words", "no_wanted_language")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return why each page is dropped."""
        checks = [("no_letter", pc.invert(batch.column("prescreen.letters")))]
        limits = (
            ("too_few_stop_words", "prescreen.stop_words", self.min_stop_words),
            ("too_few_words", "prescreen.words", self.min_words),
            ("no_wanted_language", "prescreen.wanted_share", self.drop_below),
        )
        for reason, signal, limit in limits:
            if limit is not None:
                checks.append((reason, pc.less(batch.column(signal), limit)))
        return first_reason(batch.num_rows, *checks)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        shared = {name: getattr(self, name) for name in _Screen.model_fields}
        return (PrescreenSignals(**shared), self)


def measure(
    text: str, stop_word: re.Pattern[str] | None, language: str | None = "en"
) -> dict[str, Any]:
    """Return the signals of a page's whole text, but for its language."""
    row: dict[str, Any] = {"prescreen.letters": _LETTER.search(text) is not None}
    if stop_word is not None:
        found: set[str] = set()
        for match in stop_word.finditer(text):
            found.add(match.group())
            if len(found) == 2:
                break
        row["prescreen.stop_words"] = len(found)
    short = len(text) <= SHORT_TEXT and row.get("prescreen.stop_words", 2) == 2
    if short and language is not None:
        found_words = words(text, language)
        row["prescreen.words"] = sum(not PUNCTUATION.issuperset(word) for word in found_words)
    return row


def _take(stretches: Iterator[str], size: float) -> Iterator[str]:
    """Yield stretches until they hold so many characters; the others stay for the next call."""
    held = 0
    while held < size and (stretch := next(stretches, None)) is not None:
        held += len(stretch)
        yield stretch


def windows(text: str, stop_word: re.Pattern[str] | None) -> Iterator[str]:
    """Yield stretches of a text, those of long lines first.

    Where stop words are known, lines without any are passed over: such are no prose.
    """
    lines = [line for raw in text.split("\n") if (line := raw.strip())]
    for prose in (True, False):
        held: list[str] = []
        size = 0
        for line in lines:
            if (len(line) >= PROSE) is not prose or (stop_word and not stop_word.search(line)):
                continue
            for start in range(0, len(line), LONGEST_LINE):
                held.append(line[start : start + LONGEST_LINE])
                size += len(held[-1])
                if size >= WINDOW:
                    yield " ".join(held)
                    held, size = [], 0
        if held:
            yield " ".join(held)
