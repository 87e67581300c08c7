"""CPU time of minhash_dedup, verified and not, against datatrove's four MinHash stages.

Same documents (``dedup_pages.py``: text of real pages, variations of them beyond that), same
configuration (word 5-grams, 14 bands of 8 hashes, English words), one worker each, ours inline
(``--workers 0``), theirs in one process (``in_peer/minhash.py``). Parquet in, Parquet out: kept
and removed documents with their text.

- CPU seconds of all processes of a system (``meter.py``). Systems take turns, ``--repeat`` times;
  printed are medians, with the lowest and the highest. A ratio's range is that of the turns.
- ``marginal``: the same less a run on 10 of the documents, so that imports are in neither figure.
- By block: datatrove's four stages by its process's CPU clock, our rounds by their side records,
  start-up not subtracted.
- Documents in clusters of both, and of one only: same detection curve, another hash family, so
  that they differ a little; and by verification. Survivors follow other rules and are not compared.

    python benchmarks/dedup.py --docs 1000 --repeat 1          # a first look, two minutes
    python benchmarks/dedup.py --docs 20000 --pages FOLDER --json dedup.json
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from checkout import ROOT, commit, machine
from curation import Pair, run_once
from dedup_pages import START_DOCS, WARCS
from dedup_runs import THRESHOLD, command, documents, environment, minhash, recipe, round_costs
from meter import metered
from peer import DEFAULT, peer_python
from rich.console import Console
from rich.table import Table
from systems import HERE, Outcome, System


@dataclass
class Ours:
    """``gristmill run`` with minhash_dedup alone."""

    verify: float | None
    settings: Sequence[str] = ()
    workers: int = 0
    fixed_costs: bool = True
    clustered: set[int] = field(default_factory=set)  # ids, of the last run

    @property
    def name(self) -> str:
        return f"gristmill, verified at {self.verify}" if self.verify else "gristmill, unverified"

    def run(self, folder: Path, out: Path) -> Outcome:
        made = recipe({"stages": [minhash(self.verify)]}, f"{folder}/*.parquet", self.settings)
        words = command(made, out, self.workers)
        usage = metered(words, out / "log.txt", environment(), ROOT)
        found = documents(out / "run", ["id"])
        self.clustered = set(map(int, found["id"].filter(found["survivor"].is_valid()).to_pylist()))
        dropped = found["dropped"].to_pylist().count(True)
        blocks = {cost.name: cost.cpu_seconds for cost in round_costs(out / "run")}
        return Outcome(usage, None, found.num_rows, found.num_rows - dropped, blocks)


@dataclass
class Datatrove:
    """datatrove's four stages; see ``in_peer/minhash.py``."""

    python: Path
    version: str
    workers: int = 1
    fixed_costs: bool = True
    clustered: set[int] = field(default_factory=set)  # ids, of the last run

    @property
    def name(self) -> str:
        return f"datatrove {self.version}"

    def run(self, folder: Path, out: Path) -> Outcome:
        out.mkdir(parents=True)
        words = [str(self.python), str(HERE / "in_peer" / "minhash.py")]
        words += ["--documents", str(folder), "--out", str(out)]
        env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        usage = metered(words, out / "log.txt", env, out)
        told = json.loads((out / "result.json").read_text())
        # Pairs of (file, document): one file, and our documents are numbered as they are read.
        pairs = [np.fromfile(path, "<u4") for path in (out / "buckets").glob("*.dups")]
        self.clustered = set(np.concatenate(pairs).reshape(-1, 2)[:, 1].tolist())
        counts = told["counts"]
        return Outcome(usage, None, counts["total"], counts["forwarded"], told["seconds"])


def main() -> int:
    args = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children and folder go
    work = Path(tempfile.mkdtemp(prefix="gristmill-dedup-", dir=args.work))
    try:
        python, theirs = peer_python(args.peer_venv)
        made = pages(args, work)
        systems: list[Ours | Datatrove] = [
            Datatrove(python, theirs["datatrove"]),
            Ours(THRESHOLD, args.set),
            Ours(None, args.set),
        ]
        runs = measure(systems, work, args.repeat)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    result = {
        "machine": machine(),
        "commit": commit(),
        "python": platform.python_version(),
        "documents": made,
        "set": args.set,
        "repeat": args.repeat,
        "systems": [_summary(*found, runs[0]) for found in zip(systems, runs, strict=True)],
        "clusters": agreement(systems[0].clustered, systems[1:]),
    }
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def pages(args: argparse.Namespace, work: Path) -> str:
    """Put the documents under ``work / full`` and ``work / start``; say what they are."""
    folder = (args.pages or work / "pages").absolute()
    if not folder.exists():
        maker = [sys.executable, str(HERE / "dedup_pages.py"), "--out", str(folder)]
        maker += ["--warc", args.warc] + ["--english"] * args.english
        maker += ["--docs", str(args.docs)] if args.docs else []
        done = subprocess.run(maker, check=True, stdout=subprocess.PIPE, text=True)
        (folder / "made.txt").write_text(done.stdout)
    for what in ("full", "start"):
        (work / what).symlink_to(folder / what)
    return (folder / "made.txt").read_text().strip()


def measure(systems: Sequence[System], work: Path, repeat: int) -> list[list[Pair]]:
    """Let the systems take turns; return the runs of each."""
    runs: list[list[Pair]] = [[] for _ in systems]
    for system in systems:  # untimed: files into the page cache, .pyc
        run_once(system, work, "start", "warm-up")
    for turn in range(repeat):
        for system, pairs in zip(systems, runs, strict=True):
            label = f"turn {turn + 1} of {repeat}"
            start = run_once(system, work, "start", label)
            full = run_once(system, work, "full", label)
            pairs.append(Pair(full, start, full.documents - START_DOCS))
    read = {pairs[0].full.documents for pairs in runs}
    if len(read) > 1:
        raise SystemExit(f"the systems read different numbers of documents: {sorted(read)}")
    return runs


def agreement(theirs: set[int], ours: Sequence[Ours | Datatrove]) -> dict[str, dict[str, int]]:
    """Count the documents that stand in clusters of both, and of one only."""
    return {
        system.name: {
            "both": len(theirs & system.clustered),
            "only datatrove": len(theirs - system.clustered),
            "only gristmill": len(system.clustered - theirs),
        }
        for system in ours
    }


def _summary(system: System, pairs: Sequence[Pair], peer: Sequence[Pair]) -> dict:
    """The figures of one system as plain data; every single run stands in it."""
    whole = [pair.full.usage.cpu_seconds for pair in pairs]
    other = [pair.full.usage.cpu_seconds for pair in peer]
    marginal, theirs = [p.per_1000() for p in pairs], [p.per_1000() for p in peer]
    return {
        "name": system.name,
        "documents": pairs[-1].full.documents,
        "kept": [pair.full.kept for pair in pairs],
        "whole": _compared(whole, other),
        "marginal": _compared(marginal, theirs),
        "blocks": {
            name: median(p.full.blocks[name] for p in pairs) for name in pairs[0].full.blocks
        },
        "usage": [asdict(pair.full.usage) for pair in pairs],
        "start": [asdict(pair.start.usage) for pair in pairs if pair.start],
    }


def _compared(own: Sequence[float], peer: Sequence[float]) -> dict:
    turns = [b / a for a, b in zip(own, peer, strict=True)]
    return {
        "cpu_s": own,
        "median": median(own),
        "ratio": median(peer) / median(own),
        "ratio_range": [min(turns), max(turns)],
    }


def show(result: dict) -> None:
    """Print the tables."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    for key, title in (
        ("whole", "CPU seconds of the whole command"),
        ("marginal", "CPU seconds per 1,000 documents, start-up subtracted"),
    ):
        console.print(_compare(result["systems"], key, title))
    for s in result["systems"]:
        told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in s["blocks"].items())
        console.print(f"{s['name']}: {told}", highlight=False, soft_wrap=True)
    for name, counts in result["clusters"].items():
        told = ", ".join(f"{what} {n}" for what, n in counts.items())
        console.print(f"documents in clusters, datatrove and {name}: {told}", highlight=False)
    for line in (
        f"{result['documents']}; {result['repeat']} turns; set {result['set']}",
        f"{result['machine']}; commit {result['commit']}, Python {result['python']}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _compare(systems: Sequence[dict], key: str, title: str) -> Table:
    table = Table("system", title=title)
    heads = ("median", "lowest", "highest", "datatrove / it", "range", "documents", "kept")
    for head in (*heads, "wall s", "peak MB"):
        table.add_column(head, justify="right")
    for s in systems:
        part = s[key]
        low, high = part["ratio_range"]
        table.add_row(
            s["name"],
            *(f"{v:.2f}" for v in (part["median"], min(part["cpu_s"]), max(part["cpu_s"]))),
            f"{part['ratio']:.2f}",
            f"{low:.2f} to {high:.2f}",
            str(s["documents"]),
            str(s["kept"][-1]),
            f"{median(u['wall_seconds'] for u in s['usage']):.1f}",
            f"{max(u['peak_mb'] for u in s['usage']):.0f}",
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--warc", default=WARCS, help="glob")
    parser.add_argument("--docs", type=int, help="all pages, if it is not given")
    parser.add_argument("--english", action="store_true", help="only pages in English")
    parser.add_argument("--pages", type=Path, help="folder for the documents, kept; used if there")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="as for gristmill run")
    parser.add_argument("--peer-venv", type=Path, default=DEFAULT, help="made if missing")
    parser.add_argument("--work", type=Path, help="where the temporary folder goes")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
