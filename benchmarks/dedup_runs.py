"""Runs of our deduplication, and what their folders tell of time, bytes and duplicates."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from checkout import ROOT

from gristmill.recipe import Recipe, parse_recipe
from gristmill.settings import override

#: FineWeb's configuration (Penedo et al. 2024, appendix E.1), ours by default.
NGRAM, BANDS, ROWS, THRESHOLD = 5, 14, 8, 0.7
_TEXTS = (".kept.parquet", ".rejected.parquet")


def minhash(verify: float | None = THRESHOLD) -> dict:
    """Return the recipe's stage."""
    parameters = {"ngram": NGRAM, "bands": BANDS, "rows": ROWS, "verify": verify}
    return {"minhash_dedup": parameters}


def detected(similarity: float) -> float:
    """Return the probability that a pair agrees in a band."""
    return 1 - (1 - similarity**ROWS) ** BANDS


def recipe(body: dict, pattern: str, settings: Sequence[str] = ()) -> Recipe:
    """Return a recipe of this body over these files."""
    named = {"name": "benchmark"} | body
    return parse_recipe(override(named, settings, [pattern]), "benchmark")


def command(made: Recipe, out: Path, workers: int) -> list[str]:
    """Write the recipe beside ``out/run``; return the command that runs it there."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.yaml").write_text(yaml.safe_dump(made.to_dict()))
    words = [sys.executable, "-m", "gristmill", "run", str(out / "recipe.yaml")]
    return [*words, "--out", str(out / "run"), "--workers", str(workers)]


def environment() -> dict[str, str]:
    """Return the environment in which ``python -m gristmill`` is this checkout's.

    Bytecode may be kept, so that modules of a checkout are compiled once, as pip compiles a peer's.
    """
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT)}


@dataclass
class RoundCost:
    """What one round took.

    Attributes:
        name: of the round.
        begun: when its first task began, seconds since the epoch.
        ended: when its last task ended.
        tasks: how many.
        cpu_seconds: of all its tasks, the driver and scheduler not included.
        text_bytes: published documents, kept and rejected.
        other_bytes: everything else it published.
    """

    name: str
    begun: float = float("inf")
    ended: float = 0.0
    tasks: int = 0
    cpu_seconds: float = 0.0
    text_bytes: int = 0
    other_bytes: int = 0


def round_costs(run: Path) -> list[RoundCost]:
    """Return what each round of a finished run took, in the order in which they ended."""
    costs: dict[str, RoundCost] = {}
    for path in (run / "log").glob("*/*.json"):
        record, ended = json.loads(path.read_bytes()), path.stat().st_mtime
        cost = costs.setdefault(record["round"], RoundCost(record["round"]))
        cost.begun = min(cost.begun, ended - record["wall_seconds"])
        cost.ended = max(cost.ended, ended)
        cost.tasks += 1
        cost.cpu_seconds += sum(record["cpu"].values())
    for path in run.glob("*/*.manifest.json"):
        manifest = json.loads(path.read_bytes())
        for output in manifest["outputs"]:
            text = output["path"].endswith(_TEXTS)
            cost = costs[manifest["round"]]
            cost.text_bytes += output["bytes"] if text else 0
            cost.other_bytes += 0 if text else output["bytes"]
    return sorted(costs.values(), key=lambda cost: cost.ended)


def documents(run: Path, columns: Sequence[str]) -> pa.Table:
    """Return the finished documents of a run, kept and dropped as near-duplicates.

    Columns: those asked for, ``dropped``, ``survivor`` (key; null outside clusters).
    """
    tables = []
    cluster = {"survivor": "minhash_dedup.survivor", "size": "minhash_dedup.cluster_size"}
    for what in ("kept", "rejected"):
        for path in sorted((run / "documents").glob(f"*.{what}.parquet")):
            reason = ["reason"] if what == "rejected" else []
            table = pq.read_table(path, columns=[*columns, *cluster.values(), *reason])
            if reason:
                table = table.filter(pc.equal(table["reason"], "near_duplicate"))
            shared = pc.greater(table[cluster["size"]], 1)
            survivor = pc.if_else(shared, table[cluster["survivor"]], None)
            dropped = pa.array([bool(reason)] * table.num_rows, pa.bool_())
            kept = table.select(list(columns))
            kept = kept.append_column("dropped", dropped)
            tables.append(kept.append_column("survivor", survivor))
    return pa.concat_tables(tables)
