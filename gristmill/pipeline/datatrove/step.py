"""Our stages in datatrove's pipelines."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter

from gristmill.errors import ConfigError
from gristmill.pipeline.schema import PAGE
from gristmill.pipeline.stage import Judge, Map, apply

_UTF8 = "text/html; charset=utf-8"


def as_step(stage: Map | Judge, exclusion_writer: Any = None, batch_size: int = 64) -> "StageStep":
    """Make a stage a step of a datatrove pipeline.

    Columns that the stage needs come from ``Document.metadata``, ``text`` from the text; a stage
    that needs ``html`` (``Extract``) finds it in the text, where datatrove's readers put pages.
    Signals go into the metadata, a rewritten text into the text. A dropped document keeps the text
    it came with; the writer gets it with its signals and ``filter_reason``.

    Args:
        stage: a Map or a Judge.
        exclusion_writer: a datatrove writer for dropped documents.
        batch_size: documents given to the stage at once; no result depends on it.

    Raises:
        ConfigError: the stage needs all documents in view.
    """
    if not isinstance(stage, Map | Judge):
        raise ConfigError(
            f"{type(stage).__name__} needs all documents in view and cannot be a datatrove step; "
            "run it in a recipe"
        )
    return StageStep(stage, exclusion_writer, batch_size)


class StageStep(BaseFilter):  # type: ignore[misc]
    """A Map or Judge as a filter; see ``as_step``."""

    type = "⚙️ - GRISTMILL"

    def __init__(self, stage: Map | Judge, exclusion_writer: Any, batch_size: int) -> None:
        self.name = type(stage).__name__
        self.stage = stage
        super().__init__(exclusion_writer, batch_size)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Judge one document."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: Sequence[Document]) -> list[bool | tuple[bool, str]]:
        """Judge documents; change their metadata, and the text of those that stay."""
        needs, adds = _columns(self.stage)
        names = dict.fromkeys(["key", "id", "text", *needs])
        columns = [_column(name, batch) for name in names]
        kept, rejected = apply(self.stage, pa.RecordBatch.from_arrays(columns, names=list(names)))
        verdicts: list[bool | tuple[bool, str]] = [True] * len(batch)
        for row in kept.select(["key", *adds]).to_pylist():
            doc = batch[row.pop("key")]
            doc.text = row.pop("text", doc.text)
            doc.metadata.update(row)
        for row in rejected.select(["key", "reason", *adds]).to_pylist():
            number = row.pop("key")
            verdicts[number] = (False, row.pop("reason"))
            row.pop("text", None)
            batch[number].metadata.update(row)
        return verdicts


def _columns(stage: Map | Judge) -> tuple[list[str], list[str]]:
    """Return the columns that must be there before, and those that the steps add."""
    needs: list[str] = []
    adds: list[str] = []
    for step in stage.steps():
        needs += [name for name in step.needs if name not in adds]
        adds += step.adds() if isinstance(step, Map) else ()
    return needs, list(dict.fromkeys(adds))


def _column(name: str, batch: Sequence[Document]) -> pa.Array:
    if name == "key":
        return pa.array(range(len(batch)), pa.uint64())
    if name == "id":
        return pa.array(
            [None if doc.id is None else _encodable(str(doc.id)) for doc in batch], pa.string()
        )
    if name == "text":
        return pa.array([_encodable(doc.text) for doc in batch], pa.string())
    if name == "html":
        return pa.array([doc.text.encode("utf-8", "replace") for doc in batch], pa.binary())
    if name == "content_type":
        return pa.array([_UTF8] * len(batch), pa.string())
    kind = PAGE.field(name).type if name in PAGE.names else None
    return pa.array([_encodable(doc.metadata.get(name)) for doc in batch], kind)


def _encodable(value: Any) -> Any:
    """Replace lone surrogates, which datatrove's JSON lines may hold and Arrow cannot."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
