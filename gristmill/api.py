"""Run a recipe from Python.

::

    from distributed import Client
    import gristmill

    recipe = gristmill.load_recipe("fineweb", inputs=["crawl/*.warc.gz"])
    report = gristmill.run(recipe, "out", client=Client())
    report.stages[0].docs_in
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import ConfigError
from gristmill.pipeline.inputs import Inputs
from gristmill.pipeline.plan import Plan, freeze, hold, installed_versions, load_plan
from gristmill.pipeline.report import Report, make_report
from gristmill.pipeline.rounds import Gather, Round
from gristmill.pipeline.run import LocalRunner, Runner, Watch, execute
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.stage import Judge, Map
from gristmill.pipeline.stage import apply as apply_step
from gristmill.pipeline.whatif.foresee import WhatIf, foresee
from gristmill.recipe import Recipe, parse_recipe
from gristmill.settings import override


def run(
    recipe: Recipe, out: Path | str, *, client: Any = None, watch: Watch | None = None
) -> Report:
    """Run a recipe into a folder, or go on where an earlier call stopped.

    Args:
        recipe: what to do.
        out: folder for the results.
        client: a ``distributed.Client``; None = one task after another in this process.
        watch: is told about progress.

    Returns:
        The figures of the whole run.

    Raises:
        ConfigError: the recipe, the inputs or the folder are wrong; nothing was written.
        ShardError: some shards failed; all others are done.
        IncompleteError: some shards were quarantined.
    """
    folder, rounds = prepare(recipe, Path(out))
    with hold(folder):
        execute(folder, rounds, _runner(client), watch)
    return make_report(folder, rounds)


def apply(
    stage: Map | Judge | Gather, batch: pa.RecordBatch
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Run one stage on a batch of documents, as a plain call.

    Args:
        stage: any stage of ``gristmill.recipe.STAGES``. Deduplication looks at this batch only.
        batch: see ``gristmill.documents``.

    Returns:
        (kept, rejected), with the measured signals; ``rejected`` has a column ``reason``.

    >>> import gristmill
    >>> text = "The miller opens the sluice at seven, and the great wheel begins to turn."
    >>> kept, rejected = apply(gristmill.ExactDedup(), gristmill.documents([text, "Other.", text]))
    >>> rejected["reason"].to_pylist()
    ['exact_duplicate']
    """
    if not isinstance(stage, Gather):
        return apply_step(stage, batch)
    with tempfile.TemporaryDirectory(prefix="gristmill-") as temp:
        path = Path(temp) / "batch.parquet"
        pq.write_table(pa.Table.from_batches([batch]), path)
        inputs = Inputs(parquet=(str(path),))
        recipe = Recipe(name="apply", inputs=inputs, stages=(stage,), keep_rejected="text")
        run(recipe, Path(temp) / "out")
        files = [
            Path(temp) / "out/documents" / f"00000.{what}.parquet" for what in ("kept", "rejected")
        ]
        kept, rejected = (pq.read_table(file).combine_chunks() for file in files)
        return _one_batch(kept), _one_batch(rejected.drop(["stage"]))


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in table.columns], schema=table.schema
    )


def prepare(recipe: Recipe, out: Path) -> tuple[RunFolder, Sequence[Round]]:
    """Freeze the plan into the folder; return the folder and the rounds to execute.

    Raises:
        ConfigError: see ``run``.
    """
    plan = recipe.plan()
    rounds = recipe.rounds(plan)
    return freeze(plan, out), rounds


def report(out: Path | str) -> Report:
    """Return the figures of a run, finished or not.

    Raises:
        ConfigError: there is no run.
        CorruptError: manifests that contradict each other.
    """
    return make_report(*reopen(out))


def whatif(out: Path | str, settings: Sequence[str] = (), *, examples: int = 5) -> WhatIf:
    """Return the funnel of a run as it would be with other thresholds, from its stored signals.

    Args:
        out: folder of the run; it is only read.
        settings: thresholds to change, as for ``--set``: ``gopher_quality.min_words=80``.
        examples: how many documents to describe for each way of changing sides.

    Raises:
        ConfigError: there is no run, or the change is none of thresholds only.
        IncompleteError: the run has not come so far.
        CorruptError: a shard cannot be read.
    """
    plan = load_plan(out)
    recipe = parse_recipe(plan.recipe, f"{out}/plan.json")
    other = parse_recipe(override(plan.recipe, settings), f"{out}/plan.json with --set")
    _only_stages_differ(recipe, other)
    rounds, others = recipe.rounds(plan), other.rounds(plan)
    found = foresee(RunFolder(out, plan.run_id), rounds, others, examples)
    return replace(found, notes=(*_since(plan), *found.notes))


def _only_stages_differ(recipe: Recipe, other: Recipe) -> None:
    """Raise ConfigError where two recipes differ in more than the parameters of plain stages."""
    for field in type(recipe).model_fields:
        if field != "stages" and getattr(recipe, field) != getattr(other, field):
            raise ConfigError(
                f"{field}: whatif changes thresholds of stages only; make a new run with it"
            )
    old, new = recipe.named_stages(), other.named_stages()
    if [name for name, _ in old] != [name for name, _ in new]:
        raise ConfigError("stages: whatif changes their thresholds only; make a new run with them")
    for (name, a), (_, b) in zip(old, new, strict=True):
        if isinstance(a, Gather) and a != b:
            raise ConfigError(
                f"{name}: compares documents with each other, which stored signals cannot tell; "
                "make a new run with it"
            )


def _since(plan: Plan) -> list[str]:
    """Say what is installed now that the run was not made with."""
    now = installed_versions()
    other = [f"{n} ({v}, now {now[n]})" for n, v in plan.versions.items() if now.get(n, v) != v]
    return [f"made with other versions, a new run may differ by that too: {', '.join(other)}"] * (
        bool(other)
    )


def reopen(out: Path | str) -> tuple[RunFolder, Sequence[Round]]:
    """Open the folder of an earlier run; its recipe stands in its plan.

    Raises:
        ConfigError: there is no run.
    """
    plan = load_plan(out)
    recipe = parse_recipe(plan.recipe, f"{out}/plan.json")
    return RunFolder(out, plan.run_id), recipe.rounds(plan)


def _runner(client: Any) -> Runner:
    if client is None:
        return LocalRunner()
    from gristmill.pipeline.dask import DaskRunner  # half a second: only when it is needed

    return DaskRunner(client)
