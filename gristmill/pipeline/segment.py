"""A segment: documents read once, pushed through fused Maps and Judges, written once.

Nothing touches the disk inside. Every dropped document goes to the rejected shard with its stage,
its reason and all signals measured until then.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.cpu import cpu_seconds
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.rounds import Outcome, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.pipeline.sink import Sink
from gristmill.pipeline.source import open_input, planned_input
from gristmill.pipeline.stage import Judge, Map, with_columns

KeepRejected = Literal["ids", "excerpt", "text"]

#: Characters of text kept with a rejected document under ``keep_rejected: excerpt``.
EXCERPT = 500


@dataclass(frozen=True)
class Step:
    """One Map, Judge or outcome of a barrier, with the name of the recipe stage it belongs to."""

    stage: str
    run: Map | Judge | Outcome


@dataclass
class Funnel:
    """Running counts of one task, stage by stage, in order."""

    docs_in: Counter[str] = field(default_factory=Counter)
    docs_out: Counter[str] = field(default_factory=Counter)
    drops: dict[str, Counter[str]] = field(default_factory=dict)
    cpu: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    found: Counter[str] = field(default_factory=Counter)  # of what barriers listed

    def counts(self, stages: list[str]) -> list[StageCount]:
        """Return the counts in manifest form."""
        return [
            StageCount(
                name=name,
                docs_in=self.docs_in[name],
                docs_out=self.docs_out[name],
                drops=dict(sorted(self.drops.get(name, Counter()).items())),
            )
            for name in stages
        ]


@dataclass(frozen=True)
class Segment:
    """The work of a segment round. ``source`` None means the inputs of the plan."""

    source: View | None
    steps: tuple[Step, ...]
    keep_rejected: KeepRejected = "text"

    def count(self, folder: RunFolder) -> int:
        """One task for each shard of the plan."""
        return len(load_plan(folder.root).shards)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Read, push through, write kept and rejected shards, count."""
        flags: Counter[str] = Counter()
        schema, batches = self._open(draft, flags)
        lists = {
            step.stage: step.run.rows(draft.folder, self.source.key_range(draft.folder, draft.task))
            for step in self.steps
            if isinstance(step.run, Outcome) and self.source is not None
        }
        kept_schema, ledger_schema = columns_after(schema, self.steps, self.keep_rejected)
        funnel = Funnel()
        with (
            Sink(draft.numbered("kept.parquet"), kept_schema) as kept,
            Sink(draft.numbered("rejected.parquet"), ledger_schema) as rejected,
        ):
            for batch in _timed(batches, funnel):
                self._push(batch, lists, funnel, draft, kept, rejected)
                tick({"docs_in": rejected.docs + kept.docs, "docs_out": kept.docs})
        stages = list(dict.fromkeys(step.stage for step in self.steps))
        draft.stages = funnel.counts(stages)
        draft.flags = dict(sorted(flags.items()))
        draft.cpu = dict(funnel.cpu)
        draft.facts = {"keys": kept.keys}
        draft.numbered("kept.parquet", docs=kept.docs)
        draft.numbered("rejected.parquet", docs=rejected.docs)
        for step in self.steps:
            if not isinstance(step.run, Outcome) or step.stage not in lists:
                continue
            listed, found = step.run.listed(lists[step.stage]), funnel.found[step.stage]
            if listed != found:
                raise ShardError(
                    f"{draft.round} task {draft.task}: {step.stage} lists {listed} "
                    f"{step.run.listed_things}, {found} were found"
                )

    def _open(
        self, draft: Draft, flags: Counter[str]
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        if self.source is None:
            plan = load_plan(draft.folder.root)
            draft.inputs = [planned_input(plan, draft.task).model_dump()]
            return open_input(plan, draft.task, flags)
        return (
            self.source.schema(draft.folder, draft.task),
            self.source.raw(draft.folder, draft.task),
        )

    def _push(
        self,
        batch: pa.RecordBatch,
        lists: dict[str, pa.Table],
        funnel: Funnel,
        draft: Draft,
        kept: Sink,
        rejected: Sink,
    ) -> None:
        """Run one batch through all steps; write who stays and who does not."""
        started: set[str] = set()
        for step in self.steps:
            if step.stage not in started:
                started.add(step.stage)
                funnel.docs_in[step.stage] += batch.num_rows
                funnel.docs_out[step.stage] += batch.num_rows
            if not batch.num_rows:
                continue
            before = cpu_seconds()
            batch, reasons = run_step(step, batch, lists)
            funnel.cpu[step.stage] += cpu_seconds() - before
            if isinstance(step.run, Map) and step.run.machine_column:
                draft.verdicts += _verdicts(batch, step.run.machine_column, step.run)
            if isinstance(step.run, Outcome) and reasons is not None:
                funnel.found[step.stage] += step.run.found(batch, reasons)
            if reasons is None or reasons.null_count == batch.num_rows:
                continue
            keep = pc.is_null(reasons)
            out = with_columns(batch, {"reason": reasons}).filter(pc.invert(keep))
            batch = batch.filter(keep)
            rejected.write(_ledger_rows(out, step.stage, self.keep_rejected, rejected.schema))
            names = out.column("reason").to_pylist()
            funnel.drops.setdefault(step.stage, Counter()).update(names)
            funnel.docs_out[step.stage] -= out.num_rows
            if isinstance(step.run, Judge):
                draft.verdicts += _verdicts(out, "reason", step.run)
        # A batch that lost all its rows has not been through the later Maps: nothing to select.
        if batch.num_rows:
            kept.write(batch.select(kept.schema.names))


def columns_after(
    schema: pa.Schema, steps: tuple[Step, ...], keep_rejected: KeepRejected = "text"
) -> tuple[pa.Schema, pa.Schema]:
    """Return the columns of kept and of rejected documents after some steps.

    Raises:
        ConfigError: a step needs a column that nothing before it provides.
    """
    now = {f.name: f.type for f in schema}
    ever = dict(now)
    for step in steps:
        run = step.run
        require(step.stage, run.needs, now)
        added = run.columns() if isinstance(run, Outcome) else {}
        added |= dict(run.adds()) if isinstance(run, Map) else {}
        now |= added
        ever |= added
        for name in run.removes if isinstance(run, Map) else ():
            now.pop(name, None)
    now.pop("read.problem", None)
    ever = {name: kind for name, kind in ever.items() if name != "html"}
    if keep_rejected == "ids":
        ever.pop("text", None)
    return pa.schema(list(now.items())), pa.schema(
        [("stage", pa.string()), ("reason", pa.string()), *ever.items()]
    )


def require(stage: str, needs: Iterable[str], have: Iterable[str]) -> None:
    """Raise ConfigError unless all columns that a stage needs are there."""
    there = list(have)
    if missing := [name for name in needs if name not in there]:
        raise ConfigError(
            f"stage {stage} needs column {missing[0]}, which nothing before it provides "
            f"(there is: {', '.join(there)}); mend the order of stages"
        )


def run_step(
    step: Step, batch: pa.RecordBatch, lists: dict[str, pa.Table]
) -> tuple[pa.RecordBatch, pa.Array | None]:
    """Run one step and hold it to its declaration."""
    run = step.run
    if isinstance(run, Outcome):
        return run.mark(batch, lists[step.stage])
    if isinstance(run, Map):
        out = run(batch)
        if out.num_rows != batch.num_rows or not out.column("key").equals(batch.column("key")):
            raise ShardError(f"stage {step.stage}: changed the rows of a batch; a Map must not")
        for name, kind in run.adds().items():
            if out.schema.field(name).type != kind:
                raise ShardError(
                    f"stage {step.stage}: column {name} is {out.schema.field(name).type}, "
                    f"declared as {kind}"
                )
        return out, None
    reasons = run(batch)
    unknown = set(reasons.unique().to_pylist()) - {None, *run.reasons()}
    if unknown or len(reasons) != batch.num_rows:
        raise ShardError(f"stage {step.stage}: gave undeclared reasons {sorted(unknown)[:3]}")
    return batch, reasons


def _verdicts(batch: pa.RecordBatch, column: str, step: Map | Judge) -> list[tuple[int, str]]:
    """Return (key, reason) of the documents of which a machine, not the page, decided."""
    if not step.machine_reasons:
        return []
    pairs = zip(batch.column("key").to_pylist(), batch.column(column).to_pylist(), strict=True)
    return [(key, value) for key, value in pairs if value in step.machine_reasons]


def _ledger_rows(
    batch: pa.RecordBatch, stage: str, keep_rejected: KeepRejected, schema: pa.Schema
) -> pa.RecordBatch:
    """Shape dropped rows for the rejected shard: same columns always, text as configured."""
    n = batch.num_rows
    have = {name: batch.column(name) for name in batch.schema.names}
    have["stage"] = pa.array([stage] * n, pa.string())
    if keep_rejected == "excerpt" and "text" in have:
        have["text"] = pc.utf8_slice_codeunits(have["text"], 0, EXCERPT)
    arrays = [have.get(f.name, pa.nulls(n, f.type)).cast(f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _timed(batches: Iterator[pa.RecordBatch], funnel: Funnel) -> Iterator[pa.RecordBatch]:
    """Pass batches on, charging the time it takes to get them to the stage ``read``."""
    while True:
        before = cpu_seconds()
        batch = next(batches, None)
        funnel.cpu["read"] += cpu_seconds() - before
        if batch is None:
            return
        yield batch
