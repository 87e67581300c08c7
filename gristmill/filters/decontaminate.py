"""Drop documents that hold items of evaluation sets, so that a test stays a test.

Word n-grams of 13 are those of GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C: 13, and as
few as 8 for sets of short items); datatrove 0.10.1 takes 12 (``NGramsDecontConfig``). Both drop a
document for a single one. Here it must hold a share of one item, so that a common phrase or a
quotation in a long item is no alarm. ``min_share`` is ours: a quarter is what a question's text
gives with one of four answers. ``min_share: 0`` gives the published rule.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.errors import ConfigError
from gristmill.filters.eval_files import read_evals
from gristmill.filters.eval_ngrams import EvalIndex, Rules, build_index
from gristmill.filters.fasttext_file import file_stamp
from gristmill.pipeline.inputs import Patterns
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns

Words = Annotated[int, Field(ge=1, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]


class DecontaminateSignals(Map):
    """Measure what of the evaluation sets stands in each text."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    evals: Patterns = ()
    fields: Patterns | None = None
    ngram: Words = 13
    min_words: Words = 8
    template_share: Share | None = 0.1

    def adds(self) -> Mapping[str, pa.DataType]:
        """Distinct n-grams that evaluation items have too, and the item that is there most.

        ``decontaminate.share`` is that of the item's n-grams in the text, 1 for the whole item;
        ``decontaminate.item`` is ``file.jsonl:17``, null where there is no n-gram.
        """
        return {
            "decontaminate.ngrams": pa.int64(),
            "decontaminate.share": pa.float64(),
            "decontaminate.item": pa.string(),
        }

    def index(self) -> EvalIndex:
        """Return the n-grams of the evaluation sets, read once as long as the files stay the same.

        Raises:
            ConfigError: a file cannot be read, a line is no JSON, or there is nothing to look for.
        """
        rules = Rules(self.ngram, self.min_words, self.template_share)
        stamps = tuple(file_stamp(Path(path)) for path in self.evals)
        return _index(self.evals, self.fields, rules, stamps)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals. Raises ConfigError: see ``index``."""
        found = self.index().find([text or "" for text in batch.column("text").to_pylist()])
        values = ([h.ngrams for h in found], [h.share for h in found], [h.item for h in found])
        columns = zip(self.adds().items(), values, strict=True)
        return with_columns(batch, {name: pa.array(v, kind) for (name, kind), v in columns})


class Decontaminate(Judge):
    """Drop documents that hold (enough of) an evaluation item. ``evals``: local JSONL files."""

    needs: ClassVar[tuple[str, ...]] = ("decontaminate.ngrams", "decontaminate.share")

    evals: Patterns = Field((), description="JSON lines, one evaluation item a line; .gz, .zst")
    fields: Patterns | None = Field(None, description="which fields hold text; None: all strings")
    ngram: Words = 13
    min_words: Words = Field(8, description="a shorter text of so many words is one n-gram")
    template_share: Share | None = Field(
        0.1, description="n-grams in more of a file's items (and in more than 10) do not count"
    )
    min_ngrams: Annotated[int, Field(ge=1)] = 1
    min_share: Share = 0.25

    def signals(self) -> DecontaminateSignals:
        """The Map that measures for this judge."""
        same = ("evals", "fields", "ngram", "min_words", "template_share")
        return DecontaminateSignals(**{name: getattr(self, name) for name in same})

    def assets(self) -> Mapping[str, str]:
        """The evaluation files. Raises ConfigError: see ``DecontaminateSignals.index``."""
        return {file.name: file.sha256 for file in self.signals().index().files}

    def reasons(self) -> tuple[str, ...]:
        """One."""
        return ("contaminated",)

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return which documents reach both thresholds."""
        ngrams = pc.greater_equal(batch.column("decontaminate.ngrams"), self.min_ngrams)
        share = pc.greater_equal(batch.column("decontaminate.share"), self.min_share)
        return first_reason(batch.num_rows, ("contaminated", pc.and_(ngrams, share)))

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        return (self.signals(), self)


@lru_cache(maxsize=2)
def _index(
    evals: tuple[str, ...],
    fields: tuple[str, ...] | None,
    rules: Rules,
    _: tuple[tuple[int, int] | None, ...],
) -> EvalIndex:
    index = build_index(read_evals(evals, fields), rules)
    for file in index.files:
        if file.unused == file.items:
            raise ConfigError(
                f"decontaminate: {file.name}: none of its {file.items} items has an n-gram (no "
                f"text of {rules.shortest} words); lower `min_words`, or mend "
                "`fields`"
            )
    return index
