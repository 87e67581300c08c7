"""The recipe stage ``extract``: pages to text, in the sandbox."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from gristmill.pipeline.extract.engines import EXTRACTORS
from gristmill.pipeline.extract.sandbox import MACHINE_STATUSES, STATUSES, Reply, shared_sandbox
from gristmill.pipeline.stage import Judge, Map, with_columns

_STRING = pa.string()


class ExtractVerdict(Judge):
    """Drop pages that gave no text; the reason is the status."""

    needs = ("extract.status",)
    machine_reasons: ClassVar[tuple[str, ...]] = MACHINE_STATUSES

    def reasons(self) -> tuple[str, ...]:
        """Every status but ``ok``."""
        return (*STATUSES[1:], "html_too_large", "html_too_many_tags")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return the status of pages without text."""
        status = batch.column("extract.status")
        return pc.if_else(pc.equal(status, "ok"), pa.scalar(None, _STRING), status)


class Extract(Map):
    """Extract the text of pages, each under a CPU and memory limit in a child process.

    Caps on size and tags are judged first, because they are the same on every machine; the CPU
    limit is the last resort. A page within the caps takes at most seconds: libxml2 is linear,
    trafilatura's comparison of extractors is not (100,000 ``<p>``: over 40 s).
    """

    needs = ("html", "url", "content_type")
    removes = ("html",)

    engine: str = Field("trafilatura", description="a name of EXTRACTORS")
    favor: Literal["precision", "balanced", "recall"] = Field(
        "precision", description="of trafilatura; FineWeb favours precision"
    )
    fast: bool = Field(False, description="trafilatura without comparison: 1.4 times as fast")
    cpu_seconds: float = Field(10.0, gt=0, description="limit for one page; one retry at 3x")
    memory_mb: int = Field(2048, ge=256, description="address space of the child")
    max_html_bytes: int = Field(10_000_000, gt=0)
    max_tags: int = Field(200_000, gt=0, description="counted as '<' bytes")

    @field_validator("engine")
    @classmethod
    def _known(cls, engine: str) -> str:
        if engine not in EXTRACTORS:
            raise ValueError(f"no such engine; known: {', '.join(EXTRACTORS)}")
        return engine

    def adds(self) -> Mapping[str, pa.DataType]:
        """The text, what became of the page, and its charset."""
        return {"text": _STRING, "extract.status": _STRING, "extract.charset": _STRING}

    def steps(self) -> tuple[Map | Judge, ...]:
        """Extract, then drop what gave nothing."""
        return (self, ExtractVerdict())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with texts instead of pages.

        Raises:
            ShardError: the engine does not work on this machine.
        """
        replies = [
            self._one(*page) for page in zip(*(_values(batch, n) for n in self.needs), strict=True)
        ]
        columns = {
            "text": pa.array([r.text for r in replies], _STRING),
            "extract.status": pa.array([r.status for r in replies], _STRING),
            "extract.charset": pa.array([r.charset for r in replies], _STRING),
        }
        return with_columns(batch, columns, without=self.removes)

    def _one(self, html: bytes | None, url: str | None, content_type: str | None) -> Reply:
        if not html:
            return Reply("extract_empty")
        if len(html) > self.max_html_bytes:
            return Reply("html_too_large")
        if html.count(b"<") > self.max_tags:
            return Reply("html_too_many_tags")
        options: dict[str, Any] = {}
        if self.engine == "trafilatura":
            options = {"favor": self.favor, "fast": self.fast}
        sandbox = shared_sandbox(self.memory_mb)
        return sandbox.call(self.engine, html, url, content_type, options, self.cpu_seconds)


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Return a column as a list."""
    values: list[Any] = batch.column(name).to_pylist()
    return values
