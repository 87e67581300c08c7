"""Memory of a worker over many passes of the same data: one process, one sandbox child.

Each pass is a whole run of the recipe up to its first barrier, in this process. After each, the
resident memory of the process and of its children is printed, and every stage must account for
every document.

    python benchmarks/memory.py [--passes 10] [--recipe fineweb] [--warc GLOB]
"""

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import psutil
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
    for number in range(1, args.passes + 1):
        with tempfile.TemporaryDirectory(prefix="gristmill-memory-") as temp:
            report = run(recipe, Path(temp) / "out")
        lost = sum(s.docs_in - s.docs_out - sum(s.drops.values()) for s in report.stages)
        lost += sum(a.docs_out - b.docs_in for a, b in pairwise(report.stages))
        children = sum(c.memory_info().rss for c in me.children(recursive=True))
        print(
            f"pass {number}: worker {me.memory_info().rss / 1e6:.0f} MB, child "
            f"{children / 1e6:.0f} MB, {report.stages[0].docs_in} documents, {lost} unaccounted",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
