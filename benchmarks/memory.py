"""Memory of a worker over many passes of the same data: one process, one sandbox child.

Each pass is a whole run of the recipe up to its first barrier, in this process. After each, the
resident memory of the process and of its children is printed, and every document
must be a row of the kept or of the rejected shards. Exit 1 where one is not, or where memory grew
by more than a tenth after the third pass.

    python benchmarks/memory.py [--passes 10] [--recipe fineweb] [--warc GLOB]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import psutil
import pyarrow.parquet as pq
from systems import curation_only

from gristmill.api import run
from gristmill.recipe import load_recipe

WARCS = Path(__file__).resolve().parents[2] / "shared/data/warc/*.warc.gz"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--recipe", default="fineweb")
    parser.add_argument("--warc", default=str(WARCS))
    args = parser.parse_args()
    recipe = curation_only(load_recipe(args.recipe, inputs=[args.warc]))
    me = psutil.Process()
    sizes: list[int] = []
    for number in range(1, args.passes + 1):
        with tempfile.TemporaryDirectory(prefix="gristmill-memory-") as temp:
            report = run(recipe, Path(temp) / "out")
            rows = sum(
                pq.read_metadata(f).num_rows for f in Path(temp).rglob("documents/*.parquet")
            )
        unaccounted = report.stages[0].docs_in - rows
        children = sum(c.memory_info().rss for c in me.children(recursive=True))
        print(
            f"pass {number}: worker {me.memory_info().rss / 1e6:.0f} MB, child "
            f"{children / 1e6:.0f} MB, {report.stages[0].docs_in} documents, "
            f"{unaccounted} unaccounted",
            flush=True,
        )
        sizes.append(me.memory_info().rss + children)
        if unaccounted:
            return 1
    # The first passes fill the memories of words.
    return int(len(sizes) > 3 and sizes[-1] > 1.1 * sizes[2])


if __name__ == "__main__":
    sys.exit(main())
