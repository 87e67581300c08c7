"""Speed of encoding: engines beside each other, and Parquet to token files beside datatrove.

Text: the text of real pages in all their languages (``dedup_pages.py``, no variations), or Parquet
files of your own (``--documents``). Tokenizer: trained on it, GPT-4's pattern, 32,768 tokens, or
one of your own (``--tokenizer``).

- Engines: HF tokenizers' ``encode_batch`` and ``encode_batch_fast``, tiktoken from the same ranks
  (``encode_ordinary``, the quickest of its ways here), and ours, one thread and one fresh process
  each, so that what ours remembers is learnt within the time; with ``--processes
  2`` two processes at once on the same text. MB/s are bytes of text by CPU second of a process, and
  by wall second of all. Ids must be the same (SHA-256), else the benchmark fails.
- Whole: ``gristmill stage shards`` against datatrove's ParquetReader and DocumentTokenizer (seeded
  shuffle), CPU seconds of all processes, start-up (a run on 10 documents) in one figure and not in
  the other. Ours copies the documents, hashes every file and writes provenance; theirs does not.
  Both must write the same documents, id for id, whatever their order.

Systems take turns, ``--repeat`` times; printed are medians, with the lowest and the highest.

    python benchmarks/encoding.py --repeat 3 --json encoding.json
"""

import argparse
import json
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
import xxhash
from checkout import ROOT, commit, machine
from curation import Pair, run_once
from dedup_pages import START_DOCS, WARCS
from dedup_runs import environment
from encoding_engine import ENGINES
from meter import metered
from peer import DEFAULT, peer_python
from rich.console import Console
from rich.table import Table
from systems import HERE, Outcome

from gristmill.tokenize.formats.shard_set import ShardSet

_VOCABULARY = 32_768


@dataclass
class Ours:
    """``gristmill stage shards`` in datatrove's format."""

    tokenizer: Path
    workers: int
    name = "gristmill"

    def run(self, folder: Path, out: Path) -> Outcome:
        out.mkdir(parents=True)
        words = [sys.executable, "-m", "gristmill", "stage", "shards", "--out", str(out / "run")]
        words += ["--in", f"{folder}/*.parquet", "--workers", str(self.workers)]
        for setting in (f"tokenizer.path={self.tokenizer}", "format=datatrove", "val_fraction=0"):
            words += ["--set", setting]
        usage = metered(words, out / "log.txt", environment(), ROOT)
        docs = sum(shard.docs for shard in ShardSet(out / "run" / "shards").shards)
        return Outcome(usage, None, docs, docs, {}, _written(out / "run" / "shards"))


@dataclass
class Datatrove:
    """datatrove's DocumentTokenizer; see ``in_peer/tokens.py``."""

    tokenizer: Path
    workers: int
    python: Path
    docs: dict[str, int]
    name = "datatrove"

    def run(self, folder: Path, out: Path) -> Outcome:
        out.mkdir(parents=True)
        words = [str(self.python), str(HERE / "in_peer" / "tokens.py"), "--out", str(out)]
        words += ["--documents", str(folder), "--tokenizer", str(self.tokenizer)]
        words += ["--workers", str(max(1, self.workers))]
        env = {k: v for k, v in _one_thread().items() if not k.startswith("PYTHON")}
        usage = metered(words, out / "log.txt", env, out)
        docs = self.docs[folder.name]
        return Outcome(usage, None, docs, docs, {}, _written(out / "tokens"))


def _written(folder: Path) -> dict[str, int]:
    """Count the tokens of datatrove's files, and add up the hashes of their documents."""
    tokens = total = 0
    for path in sorted(folder.glob("*.ds")):
        ids = np.fromfile(path, "<u2")
        ends = np.fromfile(path.with_name(f"{path.name}.index"), "<u8").astype(np.int64)
        tokens += len(ids)
        for first, end in pairwise([0, *ends.tolist()]):
            total += xxhash.xxh3_64_intdigest(ids[first:end])
    return {"tokens": tokens, "documents": total % 2**64}


def main() -> int:
    args = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children and folder go
    work = Path(tempfile.mkdtemp(prefix="gristmill-encoding-", dir=args.work))
    try:
        docs = _documents(args, work)
        tokenizer = args.tokenizer.absolute() if args.tokenizer else _train(work)
        engines = [_engines(tokenizer, work, n, args.repeat) for n in args.processes]
        wholes = {} if args.no_peer else _wholes(args, tokenizer, work, docs)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    result = {
        "machine": machine(),
        "commit": commit(),
        "python": platform.python_version(),
        "documents": docs,
        "repeat": args.repeat,
        "engines": engines,
        "whole": wholes,
    }
    _show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _documents(args: argparse.Namespace, work: Path) -> dict[str, int]:
    """Put the documents under ``work / full`` and a few under ``work / start``; count them."""
    if args.documents:
        (work / "full").symlink_to(args.documents.absolute())
        (work / "start").mkdir()
        first = sorted(args.documents.glob("*.parquet"))[0]
        pq.write_table(pq.read_table(first).slice(0, START_DOCS), work / "start" / "0.parquet")
    else:
        maker = [sys.executable, str(HERE / "dedup_pages.py"), "--out", str(work)]
        subprocess.run([*maker, "--warc", args.warc], check=True, stdout=subprocess.PIPE)
    return {
        what: sum(pq.read_metadata(f).num_rows for f in (work / what).glob("*.parquet"))
        for what in ("full", "start")
    }


def _train(work: Path) -> Path:
    # In a process of its own: a child's peak of memory begins with that of its parent.
    words = [sys.executable, "-m", "gristmill", "tokenizer", "train", "--out", str(work / "bpe")]
    words += ["--in", f"{work / 'full'}/*.parquet", "--vocab-size", str(_VOCABULARY)]
    subprocess.run(words, check=True, env=environment(), stdout=subprocess.PIPE, stderr=sys.stderr)
    return work / "bpe" / "tokenizer" / "tokenizer.json"


def _engines(tokenizer: Path, work: Path, processes: int, repeat: int) -> dict:
    """Let the engines take turns; return their figures."""
    runs: dict[str, list[list[dict]]] = {engine: [] for engine in ENGINES}
    for turn in range(repeat):
        for engine in ENGINES:
            print(f"turn {turn + 1}: {engine} x {processes}", file=sys.stderr, flush=True)
            runs[engine].append(_at_once(engine, tokenizer, work, processes))
    ids = {told["sha256"] for turns in runs.values() for turn in turns for told in turn}
    if len(ids) > 1:
        raise SystemExit("the engines give different ids")
    return {"processes": processes, "runs": runs}


def _at_once(engine: str, tokenizer: Path, work: Path, processes: int) -> list[dict]:
    words = [sys.executable, str(HERE / "encoding_engine.py"), engine, str(tokenizer)]
    started = [
        subprocess.Popen([*words, str(work / "full")], stdout=subprocess.PIPE, env=_one_thread())
        for _ in range(processes)
    ]
    told = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{engine} failed")
    return [json.loads(line) for line in told]


def _one_thread() -> dict[str, str]:
    return environment() | {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _wholes(args: argparse.Namespace, tokenizer: Path, work: Path, docs: dict[str, int]) -> dict:
    """Return the figures of both systems for each number of workers."""
    python, versions = peer_python(args.peer_venv)
    found = {"versions": {n: versions[n] for n in ("datatrove", "tokenizers")}, "workers": {}}
    for workers in args.workers:
        systems = [Datatrove(tokenizer, workers, python, docs), Ours(tokenizer, workers)]
        runs: list[list[Pair]] = [[] for _ in systems]
        for turn in range(args.repeat):
            for system, pairs in zip(systems, runs, strict=True):
                label = f"turn {turn + 1} of {args.repeat}"
                start = run_once(system, work, "start", label)
                full = run_once(system, work, "full", label)
                pairs.append(Pair(full, start, docs["full"] - docs["start"]))
        if len({str(pair.full.notes) for pairs in runs for pair in pairs}) > 1:
            raise SystemExit("the systems wrote other documents than each other")
        found["workers"][workers] = {
            system.name: _summary(pairs, runs[0])
            for system, pairs in zip(systems, runs, strict=True)
        }
    return found


def _summary(pairs: Sequence[Pair], peer: Sequence[Pair]) -> dict:
    def cpu(pair: Pair) -> float:
        return pair.full.usage.cpu_seconds

    def extra(pair: Pair) -> float:
        return cpu(pair) - pair.start.usage.cpu_seconds

    body = {"wall_s": [pair.full.usage.wall_seconds for pair in pairs]}
    for name, figure in (("cpu_s", cpu), ("without_start_s", extra)):
        ratios = [figure(b) / figure(a) for a, b in zip(pairs, peer, strict=True)]
        body |= {name: [figure(pair) for pair in pairs], f"{name}_ratios": ratios}
    walls = [p.full.usage.wall_seconds for p in peer]
    body["wall_ratios"] = [b / a for a, b in zip(body["wall_s"], walls, strict=True)]
    body["peak_mb"] = max(pair.full.usage.peak_mb for pair in pairs)
    return body


def _show(result: dict) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    for part in result["engines"]:
        console.print(_engine_table(part))
    for workers, systems in result["whole"].get("workers", {}).items():
        console.print(_whole_table(workers, systems))
    told = result["engines"][0]["runs"][ENGINES[0]][0][0]
    for line in (
        f"{result['documents']['full']} documents, {told['megabytes']:.1f} MB, "
        f"{told['tokens']:,} tokens, the same ids from all; {result['repeat']} turns",
        f"{result['machine']}; commit {result['commit']}, Python {result['python']}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _engine_table(part: dict) -> Table:
    table = Table("engine", title=f"encoding, {part['processes']} process(es) of one thread")
    for head in ("MB/s by CPU", "lowest", "highest", "x HF", "range", "MB/s by wall, all", "x HF"):
        table.add_column(head, justify="right")
    speeds = {e: [_speed(t, "cpu_seconds") for t in turns] for e, turns in part["runs"].items()}
    walls = {e: [_wall(t) for t in turns] for e, turns in part["runs"].items()}
    for engine, found in speeds.items():
        ratios = [a / b for a, b in zip(found, speeds[ENGINES[0]], strict=True)]
        table.add_row(
            engine,
            *(f"{v:.2f}" for v in (median(found), min(found), max(found), median(ratios))),
            f"{min(ratios):.1f} to {max(ratios):.1f}",
            f"{median(walls[engine]):.2f}",
            f"{median(walls[engine]) / median(walls[ENGINES[0]]):.2f}",
        )
    return table


def _speed(turn: Sequence[dict], clock: str) -> float:
    return sum(t["megabytes"] for t in turn) / sum(t[clock] for t in turn)


def _wall(turn: Sequence[dict]) -> float:
    return sum(t["megabytes"] for t in turn) / max(t["wall_seconds"] for t in turn)


def _whole_table(workers: int, systems: dict) -> Table:
    table = Table("system", title=f"Parquet to token files, {workers or 1} worker(s)")
    heads = ("CPU s", "x", "range", "CPU s less start-up", "x", "range", "wall s", "x", "peak MB")
    for head in heads:
        table.add_column(head, justify="right")
    for name, body in systems.items():
        cells = []
        for key in ("cpu_s", "without_start_s"):
            ratios = body[f"{key}_ratios"]
            cells += [f"{median(body[key]):.2f}", f"{median(ratios):.2f}"]
            cells += [f"{min(ratios):.1f} to {max(ratios):.1f}"]
        cells += [f"{median(body['wall_s']):.1f}", f"{median(body['wall_ratios']):.2f}"]
        table.add_row(name, *cells, f"{body['peak_mb']:.0f}")
    return table


def _numbers(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--warc", default=WARCS, help="glob")
    parser.add_argument("--documents", type=Path, help="folder of Parquet files with a column text")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; trained if not given")
    parser.add_argument("--processes", type=_numbers, default=[1, 2], help="e.g. 1,2")
    parser.add_argument("--workers", type=_numbers, default=[0, 2], help="0 = ours without Dask")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true", help="engines only")
    parser.add_argument("--peer-venv", type=Path, default=DEFAULT, help="made if missing")
    parser.add_argument("--work", type=Path, help="where the temporary folder goes")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
