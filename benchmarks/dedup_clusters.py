"""Near-duplicates that occur in real pages, for reading by eye.

Extracts all pages (resiliparse), runs minhash_dedup, and prints a seeded sample of its clusters:
the survivor and one dropped member, their URLs, the Jaccard similarity of their word 5-grams
(counted anew, not taken from the run) and what differs: [-only in the survivor-], {+only in the
member+}, the words around. What it prints belongs to others: read it, do not commit it.

    python benchmarks/dedup_clusters.py [--sample 30] [--seed 1] [--set minhash_dedup.verify=null]
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dedup_pages import EXTRACT, WARCS
from dedup_runs import documents, minhash, recipe
from near_copies import jaccard

from gristmill.api import run
from gristmill.pipeline.text import simplify, words

_CONTEXT = 4
_DIFF_WORDS = 3_000  # of each text; difflib needs the square of that
_DIFF_CHARACTERS = 600


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--warc", default=WARCS, help="glob")
    parser.add_argument("--sample", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="as for gristmill run")
    parser.add_argument("--out", type=Path, help="folder of the run, kept; used if it is there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-clusters-") as temp:
        out = args.out or Path(temp)
        print(run(recipe({"stages": [EXTRACT, minhash()]}, args.warc, args.set), out), "\n")
        table = documents(out, ["key", "url", "text"])
    sizes = cluster_sizes(table)
    print(f"{len(sizes)} clusters, {sum(sizes.values())} documents; sizes {_histogram(sizes)}\n")
    draw = np.random.default_rng(args.seed)
    chosen = draw.choice(sorted(sizes), min(args.sample, len(sizes)), replace=False)
    for number, survivor in enumerate(chosen.tolist(), 1):
        print(f"== {number} of {len(chosen)}: cluster of {sizes[survivor]}")
        print(describe(*pair_of(table, survivor, draw)), "\n")
    return 0


def cluster_sizes(table: pa.Table) -> dict[int, int]:
    """Return the number of members of each cluster, by its survivor's key."""
    counts = pc.value_counts(table["survivor"].drop_null()).to_pylist()
    return {count["values"]: count["counts"] for count in counts}


def _histogram(sizes: dict[int, int]) -> str:
    values, times = np.unique(list(sizes.values()), return_counts=True)
    return ", ".join(f"{v}: {n}" for v, n in zip(values.tolist(), times.tolist(), strict=True))


def pair_of(table: pa.Table, survivor: int, draw: np.random.Generator) -> tuple[dict, dict]:
    """Return the survivor of a cluster and one of its dropped members."""
    rows = table.filter(pc.equal(table["survivor"], pa.scalar(survivor, pa.uint64()))).to_pylist()
    rows.sort(key=lambda row: row["key"])
    dropped = [row for row in rows if row["dropped"]]
    first = next(row for row in rows if not row["dropped"])
    return first, dropped[draw.integers(len(dropped))]


def describe(first: dict, other: dict) -> str:
    """Return URLs, similarity, lengths and differences of two documents."""
    one, two = (words(simplify(row["text"])) for row in (first, other))
    return "\n".join(
        [
            f"kept    {first['url']}  ({len(one)} words)",
            f"dropped {other['url']}  ({len(two)} words)",
            f"Jaccard {jaccard(one, two):.3f}",
            differences(first["text"].split(), other["text"].split()),
        ]
    )


def differences(one: Sequence[str], two: Sequence[str]) -> str:
    """Return what differs between two lists of words, with some words around, cut to a size.

    >>> differences("the old mill".split(), "the new mill stands".split())
    'the [-old-]{+new+} mill {+stands+}'
    """
    one, two = one[:_DIFF_WORDS], two[:_DIFF_WORDS]
    parts = []
    codes = SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    for tag, a, b, c, d in codes:
        if tag == "equal":
            parts.append(_around(one[a:b], first=a == 0, last=b == len(one) and d == len(two)))
            continue
        old = f"[-{' '.join(one[a:b])}-]" if b > a else ""
        parts.append(old + (f"{{+{' '.join(two[c:d])}+}}" if d > c else ""))
    if len(codes) == 1 and codes[0][0] == "equal":
        return f"the same words: {' '.join(one)[: _DIFF_CHARACTERS // 4]}"
    told = " ".join(parts)
    return told[:_DIFF_CHARACTERS] + (" …" if len(told) > _DIFF_CHARACTERS else "")


def _around(same: Sequence[str], *, first: bool, last: bool) -> str:
    """Return words that both share, shortened to those beside a difference."""
    if len(same) <= 2 * _CONTEXT + 1:
        return " ".join(same)
    head = [] if first and not last else same[:_CONTEXT]
    tail = [] if last and not first else same[-_CONTEXT:]
    return " ".join([*head, "…", *tail])


if __name__ == "__main__":
    sys.exit(main())
