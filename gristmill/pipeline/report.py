"""What a run did, read from its manifests: the funnel, tokens, shards, CPU time."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gristmill.errors import CorruptError
from gristmill.pipeline.manifest import Manifest, StageCount, merge_counts
from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.shard import RunFolder


@dataclass(frozen=True)
class Report:
    """The figures of a run.

    Attributes:
        run_id: of the plan.
        recipe: the full recipe as plain data.
        stages: counts summed over shards, in the order documents pass them.
        cpu_seconds: by stage; includes rounds that handle no documents themselves.
        tokens: by split.
        shards: the token files.
        missing: tasks without a manifest, as (round, number of tasks).
        flags: what the readers noticed.
        figures: what barriers counted, by stage: pairs compared, refuted, clusters.
    """

    run_id: str
    recipe: dict[str, Any]
    stages: tuple[StageCount, ...]
    cpu_seconds: dict[str, float]
    tokens: dict[str, int]
    shards: tuple[dict[str, Any], ...]
    missing: tuple[tuple[str, int], ...]
    flags: dict[str, int]
    figures: dict[str, dict[str, int]]

    def __str__(self) -> str:
        """The funnel as plain text, one line a stage."""
        lines = [f"{self.recipe['name']}, run {self.run_id}"]
        lines += [
            f"{s.name:<20}{s.docs_in:>12,} in{s.docs_out:>12,} out   "
            + ", ".join(f"{reason} {n:,}" for reason, n in s.drops.items())
            for s in self.stages
        ]
        lines += [f"tokens: {self.tokens}"] if self.shards else []
        lines += [f"not finished: {name}" for name, _ in self.missing[:1]]
        return "\n".join(line.rstrip() for line in lines)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``gristmill report --json`` prints."""
        stages = [
            stage.model_dump() | {"cpu_seconds": round(self.cpu_seconds.get(stage.name, 0.0), 3)}
            for stage in self.stages
        ]
        return {
            "run_id": self.run_id,
            "recipe": self.recipe,
            "stages": stages,
            "tokens": self.tokens,
            "shards": list(self.shards),
            "flags": self.flags,
            "figures": self.figures,
            "complete": not self.missing,
        }


def make_report(folder: RunFolder, rounds: Sequence[Round]) -> Report:
    """Collect the figures of a run, finished or not.

    Raises:
        CorruptError: a stage received other documents than the one before let go.
    """
    counts: list[StageCount] = []
    missing: list[tuple[str, int]] = []
    flags: Counter[str] = Counter()
    figures: defaultdict[str, Counter[str]] = defaultdict(Counter)
    written: list[Manifest] = []
    for round_ in rounds:
        if not folder.sealed(round_.name):
            total, have = _unfinished(folder, round_)
            missing.append((round_.name, total - len(have)))
        else:
            have = folder.manifests(round_.name)
        for manifest in have:
            counts += manifest.stages
            flags.update(manifest.flags)
            if manifest.figures:
                figures[round_.stage].update(manifest.figures)
        if round_.name == "shards.write":
            written = have
    stages = merge_counts(counts)
    if not missing:
        check_chain(stages)
    return Report(
        run_id=folder.run_id,
        recipe=load_plan(folder.root).recipe,
        stages=tuple(stages),
        cpu_seconds=_cpu(folder),
        tokens=_tokens(written),
        shards=tuple(_shard(manifest) for manifest in written),
        missing=tuple(missing),
        flags=dict(sorted(flags.items())),
        figures={stage: dict(counts) for stage, counts in figures.items()},
    )


def check_chain(stages: Sequence[StageCount]) -> None:
    """Raise CorruptError unless each stage got what the one before let out."""
    for before, after in pairwise(stages):
        if before.docs_out != after.docs_in:
            raise CorruptError(
                f"{before.name} let {before.docs_out} documents out, {after.name} got "
                f"{after.docs_in}: manifests of different runs are mixed here"
            )


def _unfinished(folder: RunFolder, round_: Round) -> tuple[int, list[Manifest]]:
    """Return (number of tasks, manifests so far); 1 task is assumed where it is not yet known."""
    try:
        total = round_.work.count(folder)
    except Exception:  # noqa: BLE001 - an earlier round is missing; its absence is reported
        return 1, []
    found = [folder.manifest(round_.name, task) for task in range(total)]
    return total, [manifest for manifest in found if manifest is not None]


def _cpu(folder: RunFolder) -> dict[str, float]:
    cpu: Counter[str] = Counter()
    for record in folder.logs():
        for stage, seconds in record["cpu"].items():
            cpu[stage] += seconds
    return dict(cpu)


def _tokens(written: Sequence[Manifest]) -> dict[str, int]:
    tokens = {"train": 0, "val": 0}
    for manifest in written:
        tokens[manifest.facts["split"]] += sum(o.tokens or 0 for o in manifest.outputs)
    return tokens


def _shard(manifest: Manifest) -> dict[str, Any]:
    out = next((o for o in manifest.outputs if o.tokens is not None), None)
    if out is None:
        raise CorruptError(f"shards task {manifest.task}: its manifest names no token file")
    return {"path": out.path, "tokens": out.tokens, "docs": out.docs, "sha256": out.sha256}
