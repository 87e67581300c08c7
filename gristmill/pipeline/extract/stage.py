"""The recipe stage ``extract``: pages to text, in the sandbox."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from gristmill.pipeline.extract.engines import EXTRACTORS
from gristmill.pipeline.extract.sandbox import MACHINE_STATUSES, STATUSES, Reply, shared_sandbox
from gristmill.pipeline.extract.trafilatura_engine import Compare, Favor
from gristmill.pipeline.stage import Judge, Map, Stage, with_columns

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


class PageCaps(Stage):
    """Which pages are not looked at: the same on every machine."""

    max_html_bytes: int = Field(10_000_000, gt=0, le=1 << 30)
    max_tags: int = Field(200_000, gt=0, description="counted as '<' bytes")


class Extract(PageCaps, Map):
    """Extract the text of pages, each under a CPU and memory limit in a child process.

    Caps on size and tags are judged first, because they are the same on every machine; the CPU
    limit is the last resort. A page within the caps takes at most seconds: libxml2 is linear,
    trafilatura's comparison of extractors is not (100,000 ``<p>``: over 40 s).
    """

    needs = ("html", "url", "content_type")
    removes = ("html",)
    machine_column = "extract.fallback"
    machine_reasons: ClassVar[tuple[str, ...]] = MACHINE_STATUSES

    cpu_seconds: float = Field(
        10.0, ge=0.01, le=3600, description="limit for one page; one retry at 3x"
    )
    memory_mb: int = Field(2048, ge=256, le=1 << 20, description="address space of the child")
    engine: str = Field("trafilatura", description="a name of EXTRACTORS")
    favor: Favor = Field("recall", description="of trafilatura; see its engine")
    compare: Compare = Field("resiliparse", description="whose text trafilatura's is held against")
    fallback: str | None = Field(
        "resiliparse", description="engine for pages that the first cannot do; None drops them"
    )

    @field_validator("engine", "fallback")
    @classmethod
    def _known(cls, engine: str | None) -> str | None:
        if engine is not None and engine not in EXTRACTORS:
            raise ValueError(f"no such engine; known: {', '.join(EXTRACTORS)}")
        return engine

    def adds(self) -> Mapping[str, pa.DataType]:
        """The text, what became of the page, its charset, and how clean that came out.

        ``extract.fallback`` says why the text is the fallback engine's; null: it is not.
        """
        return {
            "text": _STRING,
            "extract.status": _STRING,
            "extract.charset": _STRING,
            "extract.fallback": _STRING,
            "extract.mojibake": pa.int32(),
        }

    def steps(self) -> tuple[Map | Judge, ...]:
        """Extract, then drop what gave nothing."""
        return (self, ExtractVerdict())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with texts instead of pages.

        Raises:
            ShardError: the engine does not work on this machine.
        """
        pages = zip(*(_values(batch, name) for name in self.needs), strict=True)
        done = [self._one(*page) for page in pages]
        values = (
            [reply.text for reply, _ in done],
            [reply.status for reply, _ in done],
            [reply.charset for reply, _ in done],
            [why for _, why in done],
            [reply.mojibake for reply, _ in done],
        )
        columns = {
            name: pa.array(column, kind)
            for (name, kind), column in zip(self.adds().items(), values, strict=True)
        }
        return with_columns(batch, columns, without=self.removes)

    def _one(
        self, html: bytes | None, url: str | None, content_type: str | None
    ) -> tuple[Reply, str | None]:
        """Return what a page gave, and what was wrong where the fallback had to do it."""
        if problem := page_problem(html, self.max_html_bytes, self.max_tags):
            return Reply(problem), None
        page = (html or b"", url, content_type)
        sandbox = shared_sandbox(self.memory_mb)
        options: dict[str, Any] = {}
        if self.engine == "trafilatura":
            options = {"favor": self.favor, "compare": self.compare}
        reply = sandbox.call(self.engine, *page, options, self.cpu_seconds)
        failed = reply.status in (*MACHINE_STATUSES, "extract_error")
        if failed and self.fallback not in (None, self.engine):
            second = sandbox.call(self.fallback, *page, None, self.cpu_seconds)
            if second.status == "ok":
                return second, reply.status
        return reply, None


def page_problem(html: bytes | None, max_html_bytes: int, max_tags: int) -> str | None:
    """Return why a page is not even looked at: the same on every machine."""
    if not html:
        return "extract_empty"
    if len(html) > max_html_bytes:
        return "html_too_large"
    return "html_too_many_tags" if html.count(b"<") > max_tags else None


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Return a column as a list."""
    values: list[Any] = batch.column(name).to_pylist()
    return values
