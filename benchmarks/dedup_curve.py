"""The detection curve of minhash_dedup on planted pairs of known similarity.

Pairs of documents whose word 5-grams have a Jaccard similarity s from 0.5 to 1.0, counted on the
5-grams themselves (``near_copies.py``), go through two real runs: without verification, and with
it at 0.7. A pair is detected where one of both documents was dropped.

- Without verification the measured share must be 1 - (1 - s^8)^14: z is how many standard
  deviations of a normal variable are as improbable as the difference, by the binomial distribution
  (near s = 1 the expected number of misses is far below one, and not normal).
- With verification: precision at the threshold (of the detected pairs, those with s >= 0.7), and
  recall above it relative to the run without.

Exit 1 where some |z| > 4, or either figure is below 0.99.

    python benchmarks/dedup_curve.py [--pairs 1200] [--json FILE]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from checkout import commit, machine
from dedup_runs import THRESHOLD, detected, documents, minhash, recipe
from near_copies import Pair, planted
from rich.console import Console
from rich.table import Table
from scipy.stats import binom, norm

from gristmill.api import run

_STEPS = 20  # bins in a similarity of one: 0.5, 0.55 ... 1.0
_SHARD_PAIRS = 5_000
_MAX_Z, _MIN_SHARE = 4.0, 0.99

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=1200, help="for each step of similarity")
    parser.add_argument("--seed", type=int, default=1, help="of the pairs")
    parser.add_argument("--set", action="append", default=[], help="as for gristmill run")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    draw = np.random.default_rng(args.seed)
    targets = np.arange(_STEPS // 2, _STEPS + 1) / _STEPS
    pairs = [planted(target, draw) for target in targets for _ in range(args.pairs)]
    pairs = [pairs[i] for i in draw.permutation(len(pairs))]
    similarity = np.array([pair.jaccard for pair in pairs])
    with tempfile.TemporaryDirectory(prefix="gristmill-curve-") as temp:
        pattern = write_pairs(pairs, Path(temp))
        found = {
            verify: dropped_pairs(Path(temp) / name, len(pairs), pattern, verify, args.set)
            for name, verify in (("unverified", None), ("verified", THRESHOLD))
        }
    result = {
        "machine": machine(),
        "commit": commit(),
        "pairs": len(pairs),
        "set": args.set,
        "curve": curve(similarity, found[None], found[THRESHOLD]),
        **judged(similarity, found[None], found[THRESHOLD]),
    }
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    worst = max(abs(row["z"]) for row in result["curve"])
    return int(worst > _MAX_Z or min(result["precision"], result["recall"]) < _MIN_SHARE)


def write_pairs(pairs: Sequence[Pair], folder: Path) -> str:
    """Write the first documents of pairs and the second ones into shards of their own."""
    for start in range(0, len(pairs), _SHARD_PAIRS):
        part = pairs[start : start + _SHARD_PAIRS]
        ids = [str(start + i) for i in range(len(part))]
        for side, texts in (("a", [p.first for p in part]), ("b", [p.second for p in part])):
            pq.write_table(pa.table({"id": ids, "text": texts}), folder / f"{side}{start}.parquet")
    return f"{folder}/*.parquet"


def dropped_pairs(
    out: Path, pairs: int, pattern: str, verify: float | None, settings: Sequence[str]
) -> Flags:
    """Run; return for each pair whether one of its documents was dropped."""
    run(recipe({"stages": [minhash(verify)]}, pattern, settings), out)
    table = documents(out, ["id"])
    if table.num_rows != 2 * pairs:
        raise SystemExit(f"{2 * pairs} documents went in, {table.num_rows} came out")
    dropped = np.zeros(pairs, np.int64)
    lost = table["id"].filter(table["dropped"]).to_numpy(zero_copy_only=False).astype(np.int64)
    np.add.at(dropped, lost, 1)
    if dropped.max() > 1:
        raise SystemExit("both documents of a pair were dropped: it joined other pairs")
    return dropped > 0


def curve(similarity: Floats, unverified: Flags, verified: Flags) -> list[dict]:
    """Compare the measured shares with the expected ones, by steps of similarity."""
    rows = []
    steps = np.rint(similarity * _STEPS).astype(int)
    for step in np.unique(steps[steps >= _STEPS // 2]):
        here = steps == step
        expected, n = detected(similarity[here]), int(here.sum())
        rows.append(
            {
                "similarity": step / _STEPS,
                "pairs": n,
                "expected": float(expected.mean()),
                "measured": float(unverified[here].mean()),
                "sigma": float(np.sqrt((expected * (1 - expected)).sum()) / n),
                "z": z_score(int(unverified[here].sum()), n, float(expected.mean())),
                "verified": float(verified[here].mean()),
            }
        )
    return rows


def z_score(hits: int, n: int, expected: float) -> float:
    """Return the normal deviate that is as improbable as so many hits of n.

    >>> round(z_score(600, 1000, 0.5), 1), round(z_score(999, 1000, 1 - 1e-7), 1)
    (6.3, -3.7)
    """
    low, high = binom.cdf(hits, n, expected), binom.sf(hits - 1, n, expected)
    if min(low, high) >= 0.5:
        return 0.0
    return float(norm.ppf(low) if low < high else norm.isf(high))


def judged(similarity: Floats, unverified: Flags, verified: Flags) -> dict:
    """Return what verification lets through, and what it loses."""
    alike = similarity >= THRESHOLD
    return {
        "dropped_unverified": int(unverified.sum()),
        "dropped_verified": int(verified.sum()),
        "precision_unverified": float(alike[unverified].mean()),
        "precision": float(alike[verified].mean()),
        "recall": float((verified & alike).sum() / (unverified & alike).sum()),
    }


def show(result: dict) -> None:
    """Print the table."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title="pairs of which one was dropped, by similarity")
    heads = ("similarity", "pairs", "expected", "measured", "sigma", "z", "verified")
    for head in heads:
        table.add_column(head, justify="right")
    digits = {"similarity": 2, "pairs": 0, "z": 1}
    for row in result["curve"]:
        table.add_row(*(f"{row[head]:.{digits.get(head, 4)}f}" for head in heads))
    console.print(table)
    for line in (
        f"verified at {THRESHOLD}: precision {result['precision']:.4f}, recall "
        f"{result['recall']:.4f} of the run without; {result['dropped_verified']} dropped",
        f"unverified: precision {result['precision_unverified']:.4f}, "
        f"{result['dropped_unverified']} dropped",
        f"{result['pairs']} pairs; {result['machine']}; commit {result['commit']}",
    ):
        console.print(line, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
