"""The recipe stage ``datatrove``: filters and formatters of datatrove, one document at a time.

datatrove's reasons are free strings, a Judge's are declared. So the declared reason is the name of
the step that dropped the document, and datatrove's own string is a signal, ``datatrove.reason``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from gristmill.errors import ShardError
from gristmill.pipeline.stage import Judge, Map, Stage, with_columns

_DROPPED_BY, _REASON = "datatrove.dropped_by", "datatrove.reason"
_PREFIX = ("datatrove", "pipeline")
_TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


class Step(BaseModel):
    """One step of datatrove: the path of its class, and the arguments it is made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    arguments: dict[str, JsonValue] = {}

    @field_validator("step")
    @classmethod
    def _theirs(cls, step: str) -> str:
        parts = step.split(".")
        plain = all(part.isidentifier() and not part.startswith("_") for part in parts)
        if not plain or tuple(parts[:2]) != _PREFIX or len(parts) < 4:
            raise ValueError(
                "a step is a class below datatrove.pipeline, "
                "e.g. datatrove.pipeline.filters.GopherQualityFilter"
            )
        return step

    def __hash__(self) -> int:
        """A dict of arguments has no hash of its own."""
        return hash(self.model_dump_json())


class _Fields(Stage):
    """What the Map runs by and the recipe sets on the Judge."""

    #: Run in this order on each document; the first that drops it ends its way.
    pipeline: tuple[Step, ...] = ()
    #: Columns that the steps find in ``Document.metadata``; nulls are left out.
    metadata: tuple[str, ...] = ("url",)
    #: Keys of ``Document.metadata`` to keep afterwards as columns ``datatrove.<key>``.
    signals: dict[str, Literal["string", "int64", "float64", "bool"]] = Field(default={})

    @model_validator(mode="after")
    def _no_clash(self) -> Self:
        if clash := {_DROPPED_BY, _REASON} & {f"datatrove.{key}" for key in self.signals}:
            raise ValueError(f"signals: {clash.pop()} is a column of its own; leave it out")
        return self

    def __hash__(self) -> int:
        """A dict of signals has no hash of its own."""
        return hash(self.model_dump_json())

    def labels(self) -> tuple[str, ...]:
        """Class names of the steps; the second of a class is called ``Name_2``."""
        names = [step.step.rpartition(".")[2] for step in self.pipeline]
        earlier = [names[:i].count(name) for i, name in enumerate(names)]
        return tuple(f"{n}_{k + 1}" if k else n for n, k in zip(names, earlier, strict=True))


class DatatroveSteps(_Fields, Map):
    """Run the steps; record which one drops a document, and why, as columns."""

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """``text`` and what the recipe passes on."""
        return ("text", *self.metadata)

    def adds(self) -> Mapping[str, pa.DataType]:
        """``text``, as the steps leave it, the verdict and the kept metadata."""
        own = dict.fromkeys(("text", _DROPPED_BY, _REASON), pa.string())
        return own | {f"datatrove.{key}": _TYPES[kind] for key, kind in self.signals.items()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the columns of ``adds()``.

        Raises:
            ShardError: a step failed on a document, or left metadata of another type.
        """
        from gristmill.pipeline.datatrove.steps import made, process

        steps = [
            (label, made(s.step, s.model_dump_json(include={"arguments"})))
            for label, s in zip(self.labels(), self.pipeline, strict=True)
        ]
        columns = {n: batch.column(n).to_pylist() for n in dict.fromkeys(self.needs)}
        names = columns.get("id") or batch.column("key").to_pylist()
        rows: list[dict[str, Any]] = []
        for i, name in enumerate(names):
            metadata = {n: columns[n][i] for n in self.metadata if columns[n][i] is not None}
            text, label, reason = process(steps, columns["text"][i] or "", str(name), metadata)
            row = {"text": text, _DROPPED_BY: label, _REASON: reason}
            rows.append(row | {f"datatrove.{key}": metadata.get(key) for key in self.signals})
        return with_columns(batch, {n: _column(rows, n, kind) for n, kind in self.adds().items()})


class Datatrove(_Fields, Judge):
    """Run steps of datatrove on each document: filters drop, formatters rewrite the text."""

    needs: ClassVar[tuple[str, ...]] = (_DROPPED_BY,)

    def assets(self) -> Mapping[str, str]:
        """The files that steps read. Makes and tries every step, so a wrong one shows here.

        Raises:
            ConfigError: no such class or argument, or a step that a recipe cannot hold.
        """
        if not self.pipeline:
            return {}
        from gristmill.pipeline.datatrove.steps import check

        return {
            f"{label}.{name}": digest
            for label, step in zip(self.labels(), self.pipeline, strict=True)
            for name, digest in check(step.step, step.arguments, self.metadata).items()
        }

    def reasons(self) -> tuple[str, ...]:
        """The class names of the steps, see ``labels``."""
        return self.labels()

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return which step drops each document."""
        return batch.column(_DROPPED_BY)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Run, then judge."""
        shared = {name: getattr(self, name) for name in _Fields.model_fields}
        return (DatatroveSteps(**shared), self)


def _column(rows: list[dict[str, Any]], name: str, kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([row[name] for row in rows], kind)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ShardError(
            f"stage datatrove: {name} does not hold {kind} ({error}); mend `signals`"
        ) from error
