"""What of the evaluation sets a finished run met: read from its ledger and its documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, CorruptError
from gristmill.filters.decontaminate import Decontaminate
from gristmill.filters.eval_ngrams import Counts
from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.segment import Segment
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.verify import check_files

_ROWS = 1 << 16
_COLUMNS = ("key", "id", "url", "decontaminate.ngrams", "decontaminate.share", "decontaminate.item")


@dataclass(frozen=True)
class ItemHits:
    """An evaluation item, and the documents of which it is the item that is there most.

    Attributes:
        item: ``file:line``.
        docs: how many documents.
        key: of the document that holds most of it.
        id: of that document.
        url: of that document.
        share: how much of the item that document holds.
        ngrams: distinct evaluation n-grams in that document.
    """

    item: str
    docs: int
    key: int
    id: str | None
    url: str | None
    share: float
    ngrams: int


@dataclass(frozen=True)
class FileHits:
    """An evaluation file.

    Attributes:
        file: its name.
        items: items in it; None where the file is not to be had any more.
        unused: items without an n-gram that counts.
        items_hit: items for which a document was dropped.
        docs_dropped: documents dropped for them.
        docs_touched: documents kept that hold n-grams of it.
    """

    file: str
    items: int | None
    unused: int | None
    items_hit: int
    docs_dropped: int
    docs_touched: int


@dataclass(frozen=True)
class Contamination:
    """What of the evaluation sets a run met.

    Attributes:
        run_id: of the run.
        files: every evaluation file, by name.
        dropped: items for which documents were dropped, those with most first.
        touched: the same of documents that were kept, being below the thresholds.
        notes: what limits the answer, in words.
    """

    run_id: str
    files: tuple[FileHits, ...]
    dropped: tuple[ItemHits, ...]
    touched: tuple[ItemHits, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The object that ``gristmill contamination --json`` prints."""
        return asdict(self)


def read_contamination(folder: RunFolder, rounds: Sequence[Round]) -> Contamination:
    """Collect what a finished run met.

    Raises:
        ConfigError: the run has no stage ``decontaminate``.
        IncompleteError: it is not finished.
        CorruptError: a shard cannot be read.
    """
    segments = [(r.name, r.work) for r in rounds if isinstance(r.work, Segment)]
    steps = [(name, s) for name, segment in segments for s in segment.steps]
    judges = [(name, s.stage, s.run) for name, s in steps if isinstance(s.run, Decontaminate)]
    if not judges:
        raise ConfigError(
            f"{folder.root}: its recipe has no stage decontaminate; add one and make a new run"
        )
    name, stage, judge = judges[0]
    dropped = _by_item(_rows(folder, name, "rejected.parquet", stage))
    touched = _by_item(_rows(folder, segments[-1][0], "kept.parquet", None))
    counts, notes = _counts(folder, stage, judge)
    return Contamination(
        folder.run_id, tuple(_by_file(counts, dropped, touched)), dropped, touched, notes
    )


def _counts(
    folder: RunFolder, stage: str, judge: Decontaminate
) -> tuple[dict[str, Counts | None], tuple[str, ...]]:
    """Return each evaluation file of a run, with its counts if it is still what it was."""
    assets = load_plan(folder.root).assets
    then = {n.removeprefix(f"{stage}."): v for n, v in assets.items() if n.startswith(f"{stage}.")}
    try:
        now = {file.name: file for file in judge.signals().index().files}
    except ConfigError as error:
        return dict.fromkeys(then), (f"items are not counted: {error}",)
    same = {name: now[name] if now[name].sha256 == then[name] else None for name in then}
    gone = [name for name, counts in same.items() if counts is None]
    note = f"items are not counted, changed since the run: {', '.join(gone)}"
    return dict(same), (note,) * bool(gone)


def _rows(
    folder: RunFolder, round_name: str, suffix: str, stage: str | None
) -> Iterator[dict[str, Any]]:
    """Yield documents with evaluation n-grams: those a stage dropped, or all (None)."""
    columns = [*_COLUMNS, "stage"] if stage else [*_COLUMNS]
    for manifest in folder.manifests(round_name):
        if found := check_files(folder, manifest, quick=True):
            raise CorruptError(found[0].message)
        path = folder.file(round_name, manifest.task, suffix)
        for batch in _batches(path, columns):
            wanted = pc.greater(batch["decontaminate.ngrams"], 0)
            if stage:
                wanted = pc.and_(wanted, pc.equal(batch["stage"], stage))
            yield from batch.filter(pc.fill_null(wanted, False)).to_pylist()


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(_ROWS, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise CorruptError(f"{path}: cannot be read ({error}); run `gristmill verify`") from error


def _by_item(rows: Iterable[dict[str, Any]]) -> tuple[ItemHits, ...]:
    """Count documents by item; the example holds most of it, then comes first in the run."""
    docs: dict[str, int] = {}
    best: dict[str, tuple[float, int, int]] = {}
    examples: dict[str, dict[str, Any]] = {}
    for row in rows:
        item = row["decontaminate.item"]
        docs[item] = docs.get(item, 0) + 1
        rank = (-row["decontaminate.share"], -row["decontaminate.ngrams"], row["key"])
        if item not in best or rank < best[item]:
            best[item], examples[item] = rank, row
    return tuple(
        ItemHits(
            item=item,
            docs=docs[item],
            key=row["key"],
            id=row["id"],
            url=row["url"],
            share=row["decontaminate.share"],
            ngrams=row["decontaminate.ngrams"],
        )
        for item, row in sorted(examples.items(), key=lambda pair: (-docs[pair[0]], pair[0]))
    )


def _by_file(
    counts: dict[str, Counts | None], dropped: Sequence[ItemHits], touched: Sequence[ItemHits]
) -> Iterator[FileHits]:
    for name, found in sorted(counts.items()):
        hits = [hit for hit in dropped if hit.item.rpartition(":")[0] == name]
        yield FileHits(
            file=name,
            items=found.items if found else None,
            unused=found.unused if found else None,
            items_hit=len(hits),
            docs_dropped=sum(hit.docs for hit in hits),
            docs_touched=sum(h.docs for h in touched if h.item.rpartition(":")[0] == name),
        )
