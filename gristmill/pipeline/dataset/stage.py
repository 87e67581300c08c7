"""The ``dataset`` block of a recipe: finished documents → Parquet files and a dataset card.

Rounds: measure every shard (bytes, side of the split); lay out the files; write each; write the
card. Every document stands in exactly one file, in the order of keys.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, StringConstraints

from gristmill.errors import ShardError
from gristmill.pipeline import held_out
from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.dataset.card import make_card
from gristmill.pipeline.dataset.columns import conform, features, output_schema
from gristmill.pipeline.dataset.facts import gather_facts
from gristmill.pipeline.dataset.layout import SPLITS, lay_out
from gristmill.pipeline.dataset.rows import DatasetFile, read_rows
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Gather, Round, SingleTask, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder

# What is no part of the dataset lies in a folder of its own, so that the other can be published.
_MEASURE, _FILES = "dataset_layout.measure", "dataset_layout.files"
_MEASURED = pa.schema([("bytes", pa.int64()), ("draw", pa.uint64())])
#: Labels of languages that are worth counting: en, eng_Latn, zh-Hant. Others are one number.
_LABEL = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{2,8}){0,2}")

Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\p{Cc}\p{Zl}\p{Zp}]+$"
    ),
]


class WriteDataset(Gather):
    """Write the finished documents as a Hugging Face dataset, with its card."""

    needs: ClassVar[tuple[str, ...]] = ("text",)
    last: ClassVar[bool] = True

    columns: tuple[str, ...] | None = Field(
        None,
        description="columns beside text, id and url; null = language, score, WARC, offset, date "
        "and sizes of clusters, as far as they are there",
    )
    target_bytes: ByteSize = Field(
        500_000_000, ge=1000, description="bytes of text in a file, at most one document more"
    )
    val_fraction: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="share of documents held out as split validation, by hash of the text",
    )
    cluster: str | None = Field(
        held_out.CLUSTER,
        description="column with the key of a duplicate cluster, whose documents are held out "
        "together; ignored where there is none; null = by text alone",
    )
    pretty_name: Title | None = Field(
        None, description="title of the card, one line; null = the recipe's name"
    )
    license: str = Field(
        "other",
        pattern=r"^[a-z0-9][a-z0-9.+-]{0,63}$",
        description="licence of the collection, as Hugging Face writes it: odc-by, cc-by-4.0",
    )

    def reads(self) -> tuple[str, ...]:
        """The text, and the columns that are asked for by name and are not the usual ones."""
        cluster = [self.cluster] if self.cluster not in (None, held_out.CLUSTER) else []
        return tuple(dict.fromkeys(("text", *(self.columns or ()), *cluster)))

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Measure, lay out, write, describe."""
        return (
            Round(_MEASURE, MeasureShard(self, view)),
            Round(_FILES, LayOutFiles(self, view)),
            Round(name, WriteFile(name, view)),
            Round(f"{name}.card", WriteCard(self, name, view)),
        )


@dataclass(frozen=True)
class MeasureShard:
    """Measure one shard of documents."""

    config: WriteDataset
    view: View

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the bytes and the draw of each document, in key order."""
        path = draft.folder.file(self.view.round, draft.task, "kept.parquet")
        have = {field.name: field.type for field in pq.read_schema(path)}
        cluster = self._cluster(have)
        label = "language" if have.get("language") in (pa.string(), pa.large_string()) else None
        languages: Counter[str] = Counter()
        sizes, drawn, docs = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], 0
        for batch in read_rows(path, ["text", *filter(None, [cluster, label])]):
            text = batch.column("text")
            sizes.append(pc.binary_length(text).fill_null(0).cast(pa.int64()).to_numpy())
            drawn.append(self._draws(text, batch.column(cluster) if cluster else None))
            if label:
                languages.update(map(_language, batch.column(label).to_pylist()))
            docs += batch.num_rows
            tick({"docs_in": docs})
        every = np.concatenate(drawn)
        draft.facts = {
            "draws": held_out.span(every),
            "languages": dict(sorted(languages.items())),
        }
        table = pa.table([np.concatenate(sizes), every], schema=_MEASURED)
        pq.write_table(table, draft.numbered("documents.parquet", docs=docs))

    def _draws(self, texts: pa.Array, clusters: pa.Array | None) -> npt.NDArray[np.uint64]:
        if not self.config.val_fraction:
            return np.zeros(len(texts), np.uint64)  # hashing takes most of the time here
        return held_out.draws(texts, clusters)

    def _cluster(self, have: dict[str, pa.DataType]) -> str | None:
        name = self.config.cluster
        if name is None or name not in have:
            return None
        if have[name] != pa.uint64():
            raise ShardError(
                f"dataset.cluster: column {name} is {have[name]}, no keys (uint64); name another "
                "column, or set dataset.cluster=null to hold out by text alone"
            )
        return name


def _language(label: str | None) -> str:
    return label if label is not None and _LABEL.fullmatch(label) else ""


@dataclass(frozen=True)
class LayOutFiles(SingleTask):
    """Decide the columns and what goes into which file."""

    config: WriteDataset
    view: View

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the pieces of each file, and an empty table that has the columns."""
        folder = draft.folder
        measured = folder.manifests(_MEASURE)
        spans = (manifest.facts["draws"] for manifest in measured)
        limit = held_out.common_limit(self.config.val_fraction, spans)
        schemas = (self.view.schema(folder, m.task) for m in measured)
        schema = output_schema(schemas, self.config.columns)
        features(schema)  # a column that the card cannot describe is told now, not at the end
        totals = [0, 0]
        for sizes, held in self._shards(folder, limit):
            totals[0] += int(sizes[~held].sum())
            totals[1] += int(sizes[held].sum())
        shards = self._shards(folder, limit)
        pieces, files = lay_out(shards, (totals[0], totals[1]), self.config.target_bytes)
        draft.facts = {"files": files, "limit": f"{int(limit):016x}"}
        docs = sum(file["docs"] for file in files)
        pq.write_table(pieces, draft.numbered("pieces.parquet"), compression="zstd")
        pq.write_table(schema.empty_table(), draft.numbered("schema.parquet"))
        tick({"docs_in": docs})

    def _shards(
        self, folder: RunFolder, limit: np.uint64
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]]:
        """Yield the bytes of a shard's documents, and which of them are held out."""
        for path in folder.outputs(_MEASURE, ".documents.parquet"):
            table = pq.ParquetFile(path).read()
            yield table["bytes"].to_numpy(), table["draw"].to_numpy() < limit


@dataclass(frozen=True)
class WriteFile:
    """Write one file of the dataset."""

    stage: str
    view: View

    def count(self, folder: RunFolder) -> int:
        """One task for each file that was laid out."""
        return len(folder.manifests(_FILES)[0].facts["files"])

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Copy the documents of the file, in key order."""
        folder = draft.folder
        facts = folder.manifests(_FILES)[0].facts
        plan, limit = facts["files"][draft.task], np.uint64(int(facts["limit"], 16))
        schema = pq.read_schema(folder.file(_FILES, 0, "schema.parquet")).remove_metadata()
        mine = [("file", "=", draft.task)]
        pieces = pq.read_table(folder.file(_FILES, 0, "pieces.parquet"), filters=mine)
        size = 0
        with DatasetFile(draft.path(plan["name"]), schema) as file:
            for piece in pieces.to_pylist():
                for batch in self._rows(folder, schema, piece, limit, plan["split"] == SPLITS[1]):
                    file.write(batch)
                    size += pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
                    tick({"docs_in": file.docs})
        if file.docs != plan["docs"]:
            raise ShardError(
                f"{draft.round} task {draft.task}: {file.docs} documents written, {plan['docs']} "
                "laid out; please report this bug"
            )
        draft.path(plan["name"], docs=file.docs)
        draft.stages = [StageCount(name=self.stage, docs_in=file.docs, docs_out=file.docs)]
        draft.facts = {"split": plan["split"], "nbytes": file.nbytes, "text_bytes": size}

    def _rows(
        self,
        folder: RunFolder,
        schema: pa.Schema,
        piece: dict[str, int],
        limit: np.uint64,
        held: bool,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a piece that are of this split."""
        task, at = piece["task"], piece["first"]
        measured = folder.file(_MEASURE, task, "documents.parquet")
        sides = pq.ParquetFile(measured).read(["draw"])["draw"].to_numpy() < limit
        path = folder.file(self.view.round, task, "kept.parquet")
        have = pq.read_schema(path).names
        columns = [name for name in schema.names if name in have]
        for batch in read_rows(path, columns, piece["first"], piece["stop"]):
            mine = sides[at : at + batch.num_rows] == held
            at += batch.num_rows
            yield conform(batch.filter(pa.array(mine)), schema)


@dataclass(frozen=True)
class WriteCard(SingleTask):
    """Write ``README.md``."""

    config: WriteDataset
    stage: str
    view: View

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the card."""
        rounds = (*self.view.earlier, self.view.round)
        schema = pq.read_schema(draft.folder.file(_FILES, 0, "schema.parquet"))
        facts = gather_facts(draft.folder, rounds, self.stage, _MEASURE, schema)
        card = make_card(facts, self.config.pretty_name, self.config.license)
        draft.path("README.md").write_text(card, "utf-8")
        tick({"docs_in": sum(split.docs for split in facts.splits)})
