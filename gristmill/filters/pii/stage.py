"""The PII stage: replace personal data, or drop the texts that hold it."""

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.filters.pii import email, ip
from gristmill.pipeline.stage import Judge, Map, with_columns

#: The kinds by name, in the order in which they are applied: an address may hold a host's IP.
KINDS: Mapping[str, Callable[[str], tuple[str, int]]] = {"email": email.replace, "ip": ip.replace}

Kind = Literal["email", "ip"]


class Pii(Map):
    """Replace personal data in ``text`` by fixed placeholders and count it.

    ``action: drop`` leaves the text as it is and drops the document (``pii_found``).
    """

    needs: ClassVar[tuple[str, ...]] = ("text",)

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("email", "ip")
    action: Literal["replace", "drop"] = "replace"

    def adds(self) -> Mapping[str, pa.DataType]:
        """``text`` (when it is rewritten) and one count a kind."""
        text = {"text": pa.string()} if self.action == "replace" else {}
        return text | {f"pii.{kind}": pa.int32() for kind in self._ordered()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the counts and, unless texts are dropped, with clean text."""
        texts: list[str] = [text or "" for text in batch.column("text").to_pylist()]
        columns: dict[str, pa.Array] = {}
        for kind in self._ordered():
            replaced = [KINDS[kind](text) for text in texts]
            texts = [text for text, _ in replaced]
            columns[f"pii.{kind}"] = pa.array([count for _, count in replaced], pa.int32())
        if self.action == "replace":
            columns["text"] = pa.array(texts, pa.string())
        return with_columns(batch, columns)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Replace; or count, then judge."""
        return (self,) if self.action == "replace" else (self, PiiFound(kinds=self._ordered()))

    def _ordered(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in ("email", "ip") if kind in self.kinds)


class PiiFound(Judge):
    """Drop texts in which :class:`Pii` found something."""

    kinds: tuple[Kind, ...] = ("email", "ip")

    def reasons(self) -> tuple[str, ...]:
        """``pii_found``."""
        return ("pii_found",)

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return ``pii_found`` where any count is above zero."""
        found = pa.array([False] * batch.num_rows, pa.bool_())
        for kind in self.kinds:
            found = pc.or_(found, pc.greater(batch.column(f"pii.{kind}"), 0))
        return pc.if_else(found, pa.scalar("pii_found"), pa.scalar(None, pa.string()))
