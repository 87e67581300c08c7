"""``run``, ``plan``, ``stage``, ``report``, ``verify``: the data side."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gristmill.api import prepare, reopen
from gristmill.api import report as read_report
from gristmill.commands.options import (
    AsJson,
    ClusterFile,
    Inputs,
    Out,
    RunDir,
    Scheduler,
    SchedulerFile,
    Settings,
    Where,
    Workers,
    run_rounds,
)
from gristmill.console import print_report
from gristmill.errors import ConfigError, CorruptError, IncompleteError
from gristmill.pipeline.inputs import kind_of
from gristmill.pipeline.plan import Plan
from gristmill.pipeline.report import Report, make_report
from gristmill.pipeline.rounds import Gather
from gristmill.pipeline.verify import verify as verify_run
from gristmill.recipe import STAGES, Recipe, load_recipe, parse_recipe, preset_files
from gristmill.settings import nearest, override
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.tokenize.visible import plain

RecipeName = Annotated[
    str, typer.Argument(help=f"A YAML file, or a preset: {', '.join(preset_files())}.")
]

#: Blocks of a recipe that run alone like stages, and where their parameters stand.
_BLOCKS = {"tokenizer": "tokenizer.train", "shards": "shards", "dataset": "dataset"}

#: CPU seconds for a megabyte of compressed WARC, recipe fineweb, measured on the project's test
#: crawl (see benchmarks/README.md): for the estimate of ``plan`` only.
_CPU_PER_MB = 1.5


def run(
    recipe: RecipeName,
    out: Out,
    inputs: Inputs = None,
    settings: Settings = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    cluster: ClusterFile = None,
) -> None:
    """Run a recipe: from crawl files to clean documents, and to token shards if it says so.

    Killed or interrupted, the same command goes on where it stopped; the result is the same bytes.

    **Examples**

        gristmill run fineweb --out out --input 'crawl/*.warc.gz'

        gristmill run my.yaml --out out --set language.threshold=0.8 --workers 4

        gristmill run my.yaml --out /shared/out --cluster slurm.yaml
    """
    chosen = load_recipe(recipe, settings or [], inputs or [])
    run_recipe(chosen, out, Where(workers, scheduler, scheduler_file, cluster))


def run_recipe(recipe: Recipe, out: Path, where: Where) -> Report:
    """Plan, execute and print the funnel; what ``run``, ``stage`` and ``demo`` share."""
    folder, rounds = prepare(recipe, out)
    run_rounds(folder, rounds, where)
    report = make_report(folder, rounds)
    console = Console()
    print_report(console, report)
    console.print(f"results: {out}", highlight=False, soft_wrap=True, markup=False)
    return report


def plan(
    recipe: RecipeName, inputs: Inputs = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Show what a recipe would do: inputs, stages with all parameters, rounds, estimated cost.

    Nothing is written.

    **Example**

        gristmill plan fineweb --input 'crawl/*.warc.gz'
    """
    chosen = load_recipe(recipe, settings or [], inputs or [])
    made = chosen.plan()
    rounds = chosen.rounds(made)
    size = sum(file.size for file in made.inputs)
    hours = size / 1e6 * _CPU_PER_MB / 3600 if made.inputs[0].kind == "warc" else None
    if as_json:
        body = {
            "run_id": made.run_id,
            "plan": made.model_dump(mode="json"),
            "rounds": [r.name for r in rounds],
            "input_bytes": size,
            "estimated_cpu_hours": hours,
        }
        print(json.dumps(body, indent=1, sort_keys=True))
        return
    console = Console()
    console.print(_plan_table(made))
    console.print(f"rounds: {' → '.join(r.name for r in rounds)}", highlight=False)
    cost = "" if hours is None else f", roughly {hours:.2g} CPU hours"
    console.print(
        f"{len(made.inputs)} input files, {size / 1e6:,.1f} MB, {len(made.shards)} shards{cost}; "
        f"run id {made.run_id}",
        highlight=False,
    )


def _plan_table(made: Plan) -> Table:
    table = Table("stage", "parameters", title=escape(made.name), title_justify="left")
    for entry in made.recipe["stages"]:
        for name, parameters in entry.items():
            table.add_row(name, escape(_in_words(parameters)))
    for block in ("tokenizer", "shards", "dataset"):
        if made.recipe[block]:
            table.add_row(block, escape(_in_words(made.recipe[block])))
    return table


def _in_words(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in parameters.items())


def stage(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join([*STAGES, *_BLOCKS])}.")],
    out: Out,
    inputs: Annotated[
        list[str], typer.Option("--in", help="WARC, Parquet or JSONL (.gz, .zst). Repeatable.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a parameter of it, e.g. min_words=80. Repeatable."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Local worker processes; 0 = without Dask.")
    ] = 0,
) -> None:
    """Run one stage alone, on files. Writes kept documents and rejected ones with reasons.

    WARC inputs are read and, for stages that need text, extracted first.

    **Examples**

        gristmill stage gopher_quality --in docs.jsonl.gz --out out --set min_words=80

        gristmill stage extract --in page.warc.gz --out out --set engine=resiliparse

        gristmill stage tokenizer --in docs.parquet --out bpe --set vocab_size=8192

        gristmill stage shards --in docs.parquet --out out --set tokenizer.path=tokenizer.json

        gristmill stage dataset --in docs.parquet --out out --set license=odc-by
    """
    if name not in STAGES and name not in _BLOCKS:
        raise ConfigError(f"unknown stage {name}{nearest(name, [*STAGES, *_BLOCKS])}")
    body: dict[str, Any] = {"name": f"stage-{name}", "stages": [name] if name in STAGES else []}
    if _needs_text(name) and {kind_of(pattern) for pattern in inputs} == {"warc"}:
        body["stages"].insert(0, "extract")
    place = _BLOCKS.get(name, name)
    prefixed = [
        s if s.startswith(("tokenizer.", f"{name}.")) else f"{place}.{s}" for s in settings or []
    ]
    if name == "tokenizer":
        body["tokenizer"] = {"train": {}}
    elif name == "shards":
        body |= {"tokenizer": {}, "shards": {}}
    elif name == "dataset":
        body["dataset"] = {}
    body = override(body, prefixed, inputs)
    run_recipe(parse_recipe(body, f"stage {name}"), out, Where(workers))


def _needs_text(name: str) -> bool:
    """Tell whether a stage starts from text; what it measures for itself does not count."""
    if name in _BLOCKS:
        return True
    made = STAGES[name]()
    first = made if isinstance(made, Gather) else made.steps()[0]
    return "text" in first.needs


def report(folder: RunDir, as_json: AsJson = False) -> None:
    """Show the funnel of a run, finished or not.

    **Example**

        gristmill report out --json | jq '.stages[] | {name, docs_out}'
    """
    made = read_report(folder)
    if as_json:
        print(json.dumps(made.to_dict(), indent=1))
    else:
        print_report(Console(), made)


def verify(
    folder: RunDir,
    quick: Annotated[bool, typer.Option("--quick", help="Sizes and counts only.")] = False,
    deep: Annotated[
        int, typer.Option("--deep", min=0, help="Also recompute so many tasks and compare bytes.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Prove that a run holds what its manifests promise. Exit 0 good, 3 incomplete, 4 corrupt.

    **Example**

        gristmill verify out --deep 2
    """
    opened, rounds = reopen(folder)
    progress = Console(stderr=True)
    seen: Counter[bool] = Counter()  # recomputed or not
    with progress.status("verifying") as status:

        def show(what: str) -> None:
            seen[what.startswith("again")] += 1
            status.update(f"verifying {what}")

        found = verify_run(
            opened,
            rounds,
            quick=quick,
            deep=deep,
            progress=show,
        )
        if not found and not quick and (folder / "shards" / "shards.json").is_file():
            ShardSet(folder / "shards").verify()
    if as_json:
        print(json.dumps([{"kind": f.kind, "message": f.message} for f in found], indent=1))
    for finding in found[:20] if not as_json else []:
        print(plain(f"{finding.kind}: {finding.message}", " "))
    if any(f.kind == "corrupt" for f in found):
        raise CorruptError(f"{folder}: {len(found)} findings")
    if found:
        raise IncompleteError(f"{folder}: {len(found)} findings")
    if not as_json:
        how = "sizes and counts" if quick else "hashes"
        print(f"{folder}: all good ({seen[False]} tasks, {how}; {seen[True]} recomputed)")
