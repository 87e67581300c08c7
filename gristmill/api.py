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
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.pipeline.inputs import Inputs
from gristmill.pipeline.plan import freeze, hold, load_plan
from gristmill.pipeline.report import Report, make_report
from gristmill.pipeline.rounds import Gather, Round
from gristmill.pipeline.run import LocalRunner, Runner, Watch, execute
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.stage import Judge, Map
from gristmill.pipeline.stage import apply as apply_step
from gristmill.recipe import Recipe, parse_recipe


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
