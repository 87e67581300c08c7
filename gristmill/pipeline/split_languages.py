"""The recipe stage ``split_languages``: the finished documents again, one file a language.

It stands last in a recipe. Each shard becomes one Parquet file for each language in it,
``split_languages/00003.deu_Latn.parquet``, so that ``split_languages/*.deu_Latn.parquet`` is a
language. Every document goes to exactly one file, by the column ``language``; none is dropped.
To cut by score, as FineWeb-2 does with a threshold a language (arXiv 2506.20920), judge first:
``language: {keep: [], threshold: 0.5, thresholds: {deu_Latn: 0.7}}``.
"""

import hashlib
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.pipeline.sink import Sink

#: Documents without a language: the code of ISO 639 for "undetermined".
UNDETERMINED = "und"
#: Files open at once. A shard with more languages is read again for each so many.
_OPEN = 64
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def file_label(language: str | None) -> str:
    """Return what stands for a language in a file name; distinct for distinct languages.

    >>> file_label("eng_Latn"), file_label(None)
    ('eng_Latn', 'und')
    """
    if language is None:
        return UNDETERMINED
    if _SAFE.fullmatch(language):
        return language
    # Labels are whatever a model has. The dot keeps these apart from all safe ones.
    digest = hashlib.sha256(language.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"other.{digest}"


class SplitLanguages(Gather):
    """Write the finished documents into one file for each shard and language."""

    needs: ClassVar[tuple[str, ...]] = ("language",)
    last: ClassVar[bool] = True

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """One round, one task a shard."""
        return (Round(name, SplitShard(name, view)),)


@dataclass(frozen=True)
class SplitShard:
    """Split one shard of documents."""

    stage: str
    view: View

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write each language of the shard, in key order."""
        languages: Counter[str] = Counter()
        for batch in self.view.batches(draft.folder, draft.task, ["language"]):
            languages.update(map(file_label, batch.column("language").to_pylist()))
        names, n = sorted(languages), 0
        for i in range(0, len(names), _OPEN):
            n += self._write(names[i : i + _OPEN], draft)
            tick({"docs_in": n, "docs_out": n})
        draft.stages = [StageCount(name=self.stage, docs_in=languages.total(), docs_out=n)]
        draft.facts = {"languages": dict(sorted(languages.items()))}

    def _write(self, languages: list[str], draft: Draft) -> int:
        """Write the files of some languages; return the number of documents in them."""
        schema = self.view.schema(draft.folder, draft.task)
        with ExitStack() as stack:
            sinks = {
                name: stack.enter_context(Sink(draft.numbered(f"{name}.parquet"), schema))
                for name in languages
            }
            for batch in self.view.batches(draft.folder, draft.task, schema.names):
                batch = batch.select(schema.names)
                names = list(map(file_label, batch.column("language").to_pylist()))
                for name in sinks.keys() & set(names):
                    sinks[name].write(batch.filter([other == name for other in names]))
        for name, sink in sinks.items():
            draft.numbered(f"{name}.parquet", docs=sink.docs)
        return sum(sink.docs for sink in sinks.values())
