"""The three shapes of stage.

A stage is a frozen pydantic model that is callable: its fields are its parameters, so its name,
configuration, identity, pickle and YAML are one thing. It does no I/O, counts nothing, logs
nothing and remembers nothing from one document to the next; the runner drops, counts and records.

- ``Map``: batch → batch. Adds or rewrites columns, keeps every row.
- ``Judge``: batch → reasons, one string per row, null = keep. Reads columns, measures nothing.
- ``Gather``: files → files. The only barrier; see ``gristmill.pipeline.rounds``.

A filter family is two of them: a ``Map`` that measures signals and a ``Judge`` that compares them
with thresholds. The judge carries the name that recipes use and returns both from ``steps()``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict


class Stage(BaseModel):
    """What all stages share: frozen fields, no unknown keys, a version for the fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Raised by one whenever the same parameters would give other output.
    version: ClassVar[int] = 1
    #: Columns that must be there.
    needs: ClassVar[tuple[str, ...]] = ()

    def assets(self) -> Mapping[str, str]:
        """Models and lists that the output depends on: name → SHA-256. Part of the plan."""
        return {}


class Map(Stage, ABC):
    """Batch → batch with the same rows in the same order, plus ``adds()``, less ``removes``."""

    removes: ClassVar[tuple[str, ...]] = ()
    #: A column that says where the machine decided how a document was made, if there is one, and
    #: the values that mean so. Such documents are listed in the manifest as verdicts.
    machine_column: ClassVar[str | None] = None
    machine_reasons: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def adds(self) -> Mapping[str, pa.DataType]:
        """Columns this stage adds or rewrites, with their types."""

    @abstractmethod
    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the added columns."""

    def steps(self) -> tuple["Map | Judge", ...]:
        """The steps that the runner executes, in order, for this stage."""
        return (self,)


class Judge(Stage, ABC):
    """Batch → reasons: a string array with one entry per row, null where the document stays."""

    #: Reasons that may depend on the machine (a CPU limit reached, memory exhausted). Documents
    #: dropped for them are listed in the manifest as verdicts.
    machine_reasons: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def reasons(self) -> tuple[str, ...]:
        """Every reason this judge can give. The runner refuses any other."""

    @abstractmethod
    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return why each document is dropped, or null."""

    def steps(self) -> tuple["Map | Judge", ...]:
        """The steps that the runner executes, in order, for this stage."""
        return (self,)


def with_columns(
    batch: pa.RecordBatch, columns: Mapping[str, pa.Array], without: Sequence[str] = ()
) -> pa.RecordBatch:
    """Return the batch with columns replaced or appended, and some left out."""
    names = [name for name in batch.schema.names if name not in without]
    arrays = {name: batch.column(name) for name in names} | dict(columns)
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def first_reason(n: int, *checks: tuple[str, pa.Array]) -> pa.StringArray:
    """Return, per row, the reason of the first check that is true (null and false mean "passed").

    Args:
        n: number of rows.
        checks: (reason, boolean array) in the order in which they count.
    """
    reasons = pa.nulls(n, pa.string())
    for reason, failed in reversed(checks):
        reasons = pc.if_else(pc.fill_null(failed, False), reason, reasons)
    return reasons


def apply(stage: Map | Judge, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Run one stage on a batch, as a plain call.

    Returns:
        (kept, rejected). Both carry the measured columns; ``rejected`` has a column ``reason``.

    >>> from gristmill.pipeline.schema import documents
    >>> from gristmill.filters.gopher_quality import GopherQuality
    >>> kept, rejected = apply(GopherQuality(), documents(["Far too short."]))
    >>> rejected["reason"].to_pylist()
    ['gopher_short_doc']
    """
    reasons = pa.nulls(batch.num_rows, pa.string())
    for step in stage.steps():
        if isinstance(step, Map):
            batch = step(batch)
        else:
            reasons = pc.coalesce(reasons, step(batch))
    keep = pc.is_null(reasons)
    kept = batch.filter(keep)
    return kept, with_columns(batch, {"reason": reasons}).filter(pc.invert(keep))
