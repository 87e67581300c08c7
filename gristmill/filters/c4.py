"""C4's line and page rules: drop boilerplate lines, then pages with too little left.

Rules: Raffel et al. 2020, JMLR 21(140), section 2.2, and TensorFlow Datasets' ``c4_utils.py``;
measured as datatrove 0.10.1 does (``C4QualityFilter``).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.pipeline.stage import Judge, Map, Stage, first_reason, with_columns
from gristmill.pipeline.text import sentences_in_lines
from gristmill.pipeline.word_languages import WordLanguage

_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_POLICY = re.compile(
    "terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
)
_TERMINAL = (".", "?", "!", '"', "'")
#: Why a line is dropped, in the order in which the rules count.
LINE_RULES = ("long_word", "no_terminal_punct", "few_words", "javascript", "policy")

Limit = Annotated[int, Field(ge=0)]


class _LineRules(Stage):
    """Which lines of a page stay: what the Map applies and the recipe sets on the Judge."""

    remove_citations: bool = True
    filter_no_terminal_punct: bool = False
    min_words_per_line: Limit | None = 3
    max_word_length: Limit | None = 1000
    filter_javascript: bool = True
    filter_policy: bool = True
    language: WordLanguage = "en"  # whose sentences are counted


class C4Signals(_LineRules, Map):
    """Rewrite ``text`` to the lines worth keeping and count what was dropped by which rule.

    The defaults are those of the FineWeb recipe, so lines need no terminal punctuation (C4's own
    rule: ``filter_no_terminal_punct=True``). ``None`` switches a limit off.
    """

    needs: ClassVar[tuple[str, ...]] = ("text",)

    def adds(self) -> Mapping[str, pa.DataType]:
        """``text``, line counts, sentences kept, and the first offending lines (0-based)."""
        counts = ["c4.lines", *(f"c4.dropped_{rule}" for rule in LINE_RULES), "c4.sentences"]
        firsts = ["c4.lorem_line", "c4.bracket_line"]  # null: none
        return {"text": pa.string()} | dict.fromkeys([*counts, *firsts], pa.int32())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the rewritten text and the signals."""
        rows = [self._measure(text or "") for text in batch.column("text").to_pylist()]
        columns = {
            name: pa.array([row.get(name) for row in rows], kind)
            for name, kind in self.adds().items()
        }
        return with_columns(batch, columns)

    def _measure(self, text: str) -> dict[str, Any]:
        lines = text.splitlines()
        row: dict[str, Any] = {f"c4.dropped_{rule}": 0 for rule in LINE_RULES}
        row["c4.lines"] = len(lines)
        kept = []
        for i, raw in enumerate(lines):
            line, fault, lowered = self._check(raw.strip())
            if lowered is not None and "lorem ipsum" in lowered:
                row.setdefault("c4.lorem_line", i)
            if lowered is not None and fault != "javascript" and "{" in line:
                row.setdefault("c4.bracket_line", i)
            if fault:
                row[f"c4.dropped_{fault}"] += 1
            else:
                kept.append(line)
        row["c4.sentences"] = sentences_in_lines(kept, self.language)
        row["text"] = "\n".join(kept).strip()
        return row

    def _check(self, line: str) -> tuple[str, str | None, str | None]:
        """Return (line without citations, the rule it breaks, its lower case if it got so far)."""
        words = line.split()
        limit = self.max_word_length
        # A line no longer than the limit cannot hold a longer word.
        if limit is not None and len(line) > limit and any(len(w) > limit for w in words):
            return line, "long_word", None
        if self.remove_citations and "[" in line:
            line = _CITATION.sub("", line)
        if self.filter_no_terminal_punct and (not line.endswith(_TERMINAL) or line.endswith("...")):
            return line, "no_terminal_punct", None
        if self.min_words_per_line is not None and len(words) < self.min_words_per_line:
            return line, "few_words", None
        lowered = line.lower()
        if self.filter_javascript and "javascript" in lowered:
            return line, "javascript", lowered
        if self.filter_policy and _POLICY.search(lowered):
            return line, "policy", lowered
        return line, None, lowered


class C4(_LineRules, Judge):
    """Drop pages with "lorem ipsum", with ``{``, or with fewer than five sentences left."""

    needs: ClassVar[tuple[str, ...]] = ("c4.lorem_line", "c4.bracket_line", "c4.sentences")

    filter_lorem_ipsum: bool = True
    filter_curly_bracket: bool = True
    min_sentences: Limit | None = 5

    def reasons(self) -> tuple[str, ...]:
        """Which of the first two counts is a matter of which line comes first."""
        return ("lorem_ipsum", "curly_bracket", "too_few_sentences")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return the first broken rule of each page."""
        lorem, bracket = batch.column("c4.lorem_line"), batch.column("c4.bracket_line")
        checks = []
        if self.filter_lorem_ipsum:
            first: Any = pc.is_valid(lorem)
            if self.filter_curly_bracket:
                # On one line lorem ipsum is looked for first; no bracket (null) never comes first.
                first = pc.and_(first, pc.fill_null(pc.less_equal(lorem, bracket), True))
            checks.append(("lorem_ipsum", first))
        if self.filter_curly_bracket:
            checks.append(("curly_bracket", pc.is_valid(bracket)))
        if self.min_sentences is not None:
            few = pc.less(batch.column("c4.sentences"), self.min_sentences)
            checks.append(("too_few_sentences", few))
        return first_reason(batch.num_rows, *checks)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Rewrite and measure, then judge."""
        shared = {name: getattr(self, name) for name in _LineRules.model_fields}
        return (C4Signals(**shared), self)
