"""What `gristmill whatif` costs on a million documents.

    python benchmarks/whatif.py RUN FOLDER

RUN is a finished run with ``keep_rejected: text`` (``gristmill demo`` will do). Its first segment's
documents are drawn with replacement into 20 shards of 50,000 under FOLDER (some 300 MB), kept and
rejected in the ratio of 2 to 3, and judged again. Texts repeat, so documents that must be measured
again are cheaper here than in a real run.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.segment import Segment
from gristmill.pipeline.whatif.retrial import Retrial
from gristmill.recipe import parse_recipe
from gristmill.settings import override

SHARDS, GROUP = 20, 1000
GROUPS = {"kept": 20, "rejected": 30}
CHANGES = (
    ["gopher_quality.min_words=80"],
    ["gopher_quality.min_words=80", "c4.min_sentences=8", "language.threshold=0.9",
     "fineweb_quality.max_short_lines=0.3"],
    ["gopher_repetition.dup_line_frac=0.9"],
)  # fmt: skip


def segment(run: Path, settings: list[str]) -> tuple[str, Segment]:
    plan = load_plan(run)
    first = parse_recipe(override(plan.recipe, settings), "plan").rounds(plan)[0]
    assert isinstance(first.work, Segment)
    return first.name, first.work


def enlarge(run: Path, name: str, folder: Path) -> None:
    draw = np.random.default_rng(1)
    for what, groups in GROUPS.items():
        files = sorted((run / name).glob(f"*.{what}.parquet"))
        table = pa.concat_tables([pq.read_table(file) for file in files])
        for shard in range(SHARDS):
            path = folder / f"{shard:05d}.{what}.parquet"
            with pq.ParquetWriter(path, table.schema, compression="zstd") as out:
                for _ in range(groups):
                    rows = pa.array(draw.integers(0, table.num_rows, GROUP))
                    out.write_table(table.take(rows))


def main(run: Path, folder: Path) -> None:
    name, old = segment(run, [])
    folder.mkdir(parents=True)
    enlarge(run, name, folder)
    for settings in CHANGES:
        trial, cpu, wall = (
            Retrial(old, segment(run, settings)[1], 5),
            time.process_time(),
            time.time(),
        )
        for shard in range(SHARDS):
            trial.shard(*(folder / f"{shard:05d}.{what}.parquet" for what in GROUPS))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(
            f"{', '.join(settings)}: {trial.moves.total():,} of "
            f"{SHARDS * GROUP * sum(GROUPS.values()):,} documents change; "
            f"{time.process_time() - cpu:.1f} CPU s, {time.time() - wall:.1f} s, {peak} MB"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
