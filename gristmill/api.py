"""Run a recipe from Python.

::

    from distributed import Client
    import gristmill

    recipe = gristmill.load_recipe("fineweb", inputs=["crawl/*.warc.gz"])
    report = gristmill.run(recipe, "out", client=Client())
    report.stages[0].docs_in
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gristmill.pipeline.plan import freeze, hold, load_plan
from gristmill.pipeline.report import Report, make_report
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, Runner, Watch, execute
from gristmill.pipeline.shard import RunFolder
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


def prepare(recipe: Recipe, out: Path) -> tuple[RunFolder, Sequence[Round]]:
    """Freeze the plan into the folder; return the folder and the rounds to execute.

    Raises:
        ConfigError: see ``run``.
    """
    plan = recipe.plan()
    rounds = recipe.rounds(plan)
    return freeze(plan, out), rounds


def reopen(out: Path) -> tuple[RunFolder, Sequence[Round]]:
    """Open the folder of an earlier run; its recipe stands in its plan.

    Raises:
        ConfigError: there is no run.
    """
    plan = load_plan(out)
    recipe = parse_recipe(plan.recipe, str(out / "plan.json"))
    return RunFolder(out, plan.run_id), recipe.rounds(plan)


def _runner(client: Any) -> Runner:
    if client is None:
        return LocalRunner()
    from gristmill.pipeline.dask import DaskRunner  # half a second: only when it is needed

    return DaskRunner(client)
