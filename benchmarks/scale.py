"""How near-deduplication and token files scale: time, memory and disk by number of documents.

The documents are those of ``near_copies.py``: 50 words on average, one in five a near-copy, one
boilerplate text with a hundredth of all. The smaller corpora are the first shards of the larger
ones. They are made by another process beforehand; ``--keep`` keeps them for the next time (2 GB for
16 million).

Each size is one ``gristmill run`` as child processes, either of ``minhash_dedup`` with verification
or of ``shards`` with a tokenizer trained on a sample of a size that stays the same. Measured are

- CPU seconds of all its processes (``meter.py``) and, by round, of its tasks (side records);
- resident memory every 0.2 s: of the driver, and of the largest process below it, the workers;
- bytes that each round published: documents, and everything else.

The projection to one Common Crawl dump multiplies the largest run by ``--dump-docs``. What one
document costs there lies between two bounds: that it costs as much as one here, and that all of it
grows with its words (``--dump-words``; those here have 51). Same cores, no network.

    python benchmarks/scale.py minhash --keep FOLDER [--docs 1000000,4000000,16000000]
    python benchmarks/scale.py shards --keep FOLDER [--docs 250000,1000000,4000000]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
import pyarrow.compute as pc
from checkout import ROOT, commit, machine
from dedup_runs import THRESHOLD, command, documents, environment, minhash, recipe, round_costs
from meter import metered
from near_copies import MEAN_WORDS, SHARD_DOCS
from rich.console import Console
from rich.table import Table
from systems import link_files

from gristmill.tokenize.formats.shard_set import ShardSet

_SAMPLE_SECONDS = 0.2
_RECIPES: dict[str, dict] = {
    "minhash": {"stages": [minhash(THRESHOLD)]},
    "shards": {
        "stages": [],
        "tokenizer": {"train": {"vocab_size": 16_384, "sample_bytes": "20MB"}},
        "shards": {"target_tokens": 10_000_000},
    },
}


@dataclass
class Memory:
    """Resident memory of a run's processes over time, in bytes."""

    times: list[float] = field(default_factory=list)
    driver: list[int] = field(default_factory=list)
    worker: list[int] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Take samples until ``stop``: the driver is our child, workers are its descendants."""
        me = psutil.Process()
        while not self._stop.wait(_SAMPLE_SECONDS):
            drivers = me.children()
            below = [p for driver in drivers for p in _descendants(driver)]
            self.times.append(time.time())
            self.driver.append(max(map(_resident, drivers), default=0))
            self.worker.append(max(map(_resident, below), default=0))

    def stop(self) -> None:
        self._stop.set()

    def peaks_mb(self, begun: float, ended: float) -> tuple[float, float]:
        """Return the highest samples of driver and worker within a time, 0 where there is none."""
        inside = [i for i, at in enumerate(self.times) if begun <= at <= ended + _SAMPLE_SECONDS]
        most = [max((sizes[i] for i in inside), default=0) for sizes in (self.driver, self.worker)]
        return most[0] / 2**20, most[1] / 2**20


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=tuple(_RECIPES))
    parser.add_argument("--docs", default="1000000,4000000,16000000", help="with commas")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], help="as for gristmill run")
    parser.add_argument("--keep", type=Path, help="folder for the corpora, kept")
    parser.add_argument("--work", type=Path, help="where the temporary folder goes")
    parser.add_argument("--dump-docs", type=float, default=300e6, help="documents after filters")
    parser.add_argument("--dump-words", type=float, default=600, help="words in one of them")
    parser.add_argument("--json", type=Path, help="written after each size")
    args = parser.parse_args()
    sizes = [int(size) for size in args.docs.split(",")]
    result = {"machine": machine(), "commit": commit(), "workers": args.workers, "set": args.set}
    result["what"] = args.what
    runs: list[dict] = []
    work = Path(tempfile.mkdtemp(prefix="gristmill-scale-", dir=args.work))
    try:
        for docs in sizes:
            paths = corpus(args.keep or work / "corpus", docs)
            runs.append(measure(args.what, paths, docs, work, args.workers, args.set))
            last = runs[-1]
            print(f"{docs:,}: {last['wall_seconds']:.0f} s", file=sys.stderr, flush=True)
            result |= {"runs": runs, "dump": dump(last, args.dump_docs, args.dump_words)}
            if args.json:
                args.json.write_text(json.dumps(result, indent=1) + "\n")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    show(result)
    return 0


def corpus(folder: Path, docs: int) -> list[Path]:
    """Let another process write what is missing of a corpus; return its shards."""
    maker = [sys.executable, str(Path(__file__).with_name("near_copies.py"))]
    subprocess.run([*maker, "--docs", str(docs), "--out", str(folder)], check=True)
    full, rest = divmod(docs, SHARD_DOCS)
    names = [f"{k:05d}" for k in range(full)] + [f"{full:05d}-{rest}"] * bool(rest)
    return [folder / f"{name}.parquet" for name in names]


def measure(
    what: str, paths: Sequence[Path], docs: int, work: Path, workers: int, settings: Sequence[str]
) -> dict:
    """Run once; return every figure as plain data."""
    out = work / f"run-{docs}"
    link_files(paths, work / f"in-{docs}")
    made = recipe(_RECIPES[what], f"{work}/in-{docs}/*.parquet", settings)
    memory = Memory()
    watcher = threading.Thread(target=memory.watch, daemon=True)
    words, begun = command(made, out, workers), time.time()
    watcher.start()
    try:
        usage = metered(words, out / "log.txt", environment(), ROOT)
    finally:
        memory.stop()
        watcher.join()
    rounds, start = [], begun
    for cost in round_costs(out / "run"):
        driver, worker = memory.peaks_mb(cost.begun, cost.ended)
        took = {"wall_seconds": cost.ended - start, "driver_mb": driver, "worker_mb": worker}
        rounds.append(asdict(cost) | took)
        start = cost.ended
    driver, worker = memory.peaks_mb(begun, time.time())
    found, dropped = _COUNTS[what](out / "run")
    if found != docs:
        raise SystemExit(f"{docs} documents went in, {found} came out")
    shutil.rmtree(out)
    return {
        "docs": docs,
        "dropped": dropped,
        "driver_mb": driver,
        "worker_mb": worker,
        "text_bytes": sum(r["text_bytes"] for r in rounds),
        "other_bytes": sum(r["other_bytes"] for r in rounds),
        "rounds": rounds,
        **asdict(usage),
    }


def _deduplicated(run: Path) -> tuple[int, int]:
    """Return the documents of a run and how many of them it dropped."""
    found = documents(run, ["key"])
    return found.num_rows, pc.sum(found["dropped"]).as_py()


def _tokenized(run: Path) -> tuple[int, int]:
    """Return the documents in a run's token files; none is dropped."""
    return sum(shard.docs for shard in ShardSet(run / "shards").shards), 0


_COUNTS = {"minhash": _deduplicated, "shards": _tokenized}


def dump(run: dict, docs: float, words: float) -> dict:
    """Return what the run would be for another number of documents, and of longer ones.

    CPU time lies between the two figures; bytes beside the documents do not depend on words.
    """
    times, longer = docs / run["docs"], words / MEAN_WORDS
    hours = times * run["cpu_seconds"] / 3600
    return {
        "docs": docs,
        "words": words,
        "cpu_hours": [hours, hours * longer],
        "other_bytes": times * run["other_bytes"],
        "text_bytes": times * longer * run["text_bytes"],
    }


def show(result: dict) -> None:
    """Print the tables."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_totals(result))
    for run in result["runs"]:
        console.print(_rounds(run))
    for low, high in pairwise(result["runs"]):
        ratios = {k: high[k] / low[k] for k in ("docs", "wall_seconds", "cpu_seconds", "worker_mb")}
        told = ", ".join(f"{name} x{ratio:.2f}" for name, ratio in ratios.items())
        console.print(f"{low['docs']:,} to {high['docs']:,}: {told}", highlight=False)
    far = result["dump"]
    low, high = far["cpu_hours"]
    for line in (
        f"one dump, taken as {far['docs']:,.0f} documents of {far['words']:.0f} words: "
        f"{low:,.0f} CPU hours if a document costs what it costs here, {high:,.0f} if that grows "
        f"with its words; {far['other_bytes'] / 1e9:,.0f} GB beside {far['text_bytes'] / 1e9:,.0f} "
        "GB of documents (all written rounds)",
        f"{result['workers']} workers; set {result['set']}; {result['machine']}; "
        f"commit {result['commit']}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


_FIGURES = ("seconds", "CPU s", "driver MB", "worker MB", "documents MB", "other MB")


def _totals(result: dict) -> Table:
    table = Table(title=result["what"])
    for head in ("docs", "dropped", *_FIGURES, "CPU s per million"):
        table.add_column(head, justify="right")
    for run in result["runs"]:
        rate = 1e6 * run["cpu_seconds"] / run["docs"]
        table.add_row(f"{run['docs']:,}", f"{run['dropped']:,}", *_figures(run), f"{rate:.1f}")
    return table


def _rounds(run: dict) -> Table:
    table = Table("round", title=f"by round, {run['docs']:,} documents")
    for head in ("tasks", *_FIGURES):
        table.add_column(head, justify="right")
    for part in run["rounds"]:
        table.add_row(part["name"], str(part["tasks"]), *_figures(part))
    spent = run["cpu_seconds"] - sum(r["cpu_seconds"] for r in run["rounds"])
    table.add_row("driver, scheduler, start-up", "", "", f"{spent:.1f}")
    return table


def _figures(part: dict) -> list[str]:
    return [
        f"{part['wall_seconds']:.1f}",
        f"{part['cpu_seconds']:.1f}",
        f"{part['driver_mb']:.0f}",
        f"{part['worker_mb']:.0f}",
        f"{part['text_bytes'] / 1e6:.1f}",
        f"{part['other_bytes'] / 1e6:.1f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
