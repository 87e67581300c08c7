r"""Quality and cost of extraction on the gold pages: our engines and datatrove's trafilatura 1.11.

The measure is that of ``scoring.py``: mean over pages of precision, recall and F1 on multisets of
lower-cased ``\w+`` words (characters where the script has no spaces). All pages with a full
reference text; a page without any extracted text scores 0. Every engine gets the same decoded
HTML. CPU milliseconds a page are of the engine alone, in one process after a warm-up, no sandbox.

Ours are named as in ``EXTRACTORS``, with options: ``trafilatura:favor=balanced,compare=none``. The
peer is datatrove's own ``Trafilatura`` extractor in the peer's environment; ``--no-peer`` leaves it
out. The last column is the mean difference of F1 to the peer, page by page, and its 95 % interval.

    python benchmarks/extraction.py --every 10                # a first look
    python benchmarks/extraction.py --markdown --json extraction.json
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import yaml
from checkout import ROOT, commit, machine
from peer import DEFAULT, HERE, peer_python
from scoring import Score, gold_pages, mean, score

from gristmill.pipeline.extract import EXTRACTORS, selectors
from gristmill.pipeline.extract.child import CANARY, cut_data_uris

_GOLD = ROOT.parent / "shared/data/gold.jsonl.gz"


#: trafilatura otherwise: its own default, FineWeb's favour, and nothing to compare with.
OTHERS = (
    "trafilatura:favor=balanced,compare=readability",
    "trafilatura:favor=precision,compare=readability",
    "trafilatura:compare=none",
)


@dataclass(frozen=True)
class Engine:
    """What one engine made of the pages, in their order."""

    name: str
    scores: list[Score]
    cpu: list[float]  # seconds
    failed: int  # pages that gave an error


def main() -> int:
    args = _parser().parse_args()
    pages = gold_pages(args.gold)[:: args.every]
    engines = []
    if not args.no_peer:
        engines.append(run_peer(pages, args.peer_venv))
    for spec in args.engine or [*EXTRACTORS, *OTHERS]:
        engines.append(run_ours(pages, spec))
        print(f"{spec} done", file=sys.stderr, flush=True)
    tables = [overall(engines, peer=None if args.no_peer else engines[0])]
    tables += [by_key(engines, pages, key) for key in ("source", "page_type")]
    title = f"{len(pages)} gold pages with full text; trafilatura {version('trafilatura')}, "
    print(f"{title}resiliparse {version('resiliparse')}")
    print(f"commit {commit()}; {machine()}\n")
    for table in tables:
        print(as_markdown(table) if args.markdown else as_text(table))
    if args.json:
        args.json.write_text(json.dumps([_plain(e, pages) for e in engines]) + "\n")
    return 0


def run_ours(pages: Sequence[dict], spec: str) -> Engine:
    """Run an engine of ours: ``name`` or ``name:option=value,…``."""
    name, _, options = spec.partition(":")
    if name not in EXTRACTORS:
        raise SystemExit(f"{name}: no such engine; known: {', '.join(EXTRACTORS)}")
    pairs = (option.partition("=") for option in options.split(",") if option)
    chosen = {key: yaml.safe_load(value) for key, _, value in pairs}
    selectors.install()  # as in the sandbox
    extract = EXTRACTORS[name]
    extract(CANARY, None, **chosen)
    scores, cpu, failed = [], [], 0
    for page in pages:
        html = cut_data_uris(page["html"])
        begun = time.process_time()
        try:
            text = extract(html, page["url"], **chosen)
        except Exception:  # noqa: BLE001 - in a run such a page is dropped as extract_error
            text, failed = None, failed + 1
        cpu.append(time.process_time() - begun)
        scores.append(score(text, page["gold_text"]))
    return Engine(spec, scores, cpu, failed)


def run_peer(pages: Sequence[dict], venv: Path) -> Engine:
    """Run datatrove's extractor in its own environment."""
    python, versions = peer_python(venv)
    with tempfile.TemporaryDirectory(prefix="gristmill-extraction-") as temp:
        given, made = Path(temp) / "pages.jsonl", Path(temp) / "texts.jsonl"
        given.write_text("".join(json.dumps({"html": p["html"]}) + "\n" for p in pages))
        script = HERE / "in_peer" / "extract.py"
        subprocess.run([str(python), str(script), str(given), str(made)], check=True)
        rows = [json.loads(line) for line in made.read_text().splitlines()]
    scores = [score(row["text"], p["gold_text"]) for row, p in zip(rows, pages, strict=True)]
    name = f"datatrove (trafilatura {versions['trafilatura']})"
    return Engine(name, scores, [row["cpu"] for row in rows], sum(row["failed"] for row in rows))


def overall(engines: Sequence[Engine], peer: Engine | None) -> list[list[str]]:
    """Return the table over all pages, its head first."""
    rows = [["engine", "precision", "recall", "F1", "CPU ms/page", "errors", "F1 − datatrove's"]]
    for e in engines:
        m = mean(e.scores)
        row = [e.name, f"{m.precision:.4f}", f"{m.recall:.4f}", f"{m.f1:.4f}"]
        row += [f"{1000 * fmean(e.cpu):.1f}", str(e.failed)]
        rows.append([*row, "" if peer in (None, e) else _difference(e, peer)])
    return rows


def _difference(engine: Engine, peer: Engine) -> str:
    gains = [a.f1 - b.f1 for a, b in zip(engine.scores, peer.scores, strict=True)]
    spread = 1.96 * stdev(gains) / sqrt(len(gains)) if len(gains) > 1 else 0.0
    return f"{fmean(gains):+.4f} ± {spread:.4f}"


def by_key(engines: Sequence[Engine], pages: Sequence[dict], key: str) -> list[list[str]]:
    """Return the table of F1 by ``source`` or ``page_type``, most pages first."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, page in enumerate(pages):
        groups[page.get(key) or "(not stated)"].append(i)
    rows = [[f"F1 by {key}", "pages", *(e.name for e in engines)]]
    for name, places in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        values = [fmean(e.scores[i].f1 for i in places) for e in engines]
        rows.append([name, str(len(places)), *(f"{value:.3f}" for value in values)])
    return rows


def as_text(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" + "|---:" * (len(rows[0]) - 1) + "|")
    return "\n".join(lines) + "\n"


def _plain(engine: Engine, pages: Sequence[dict]) -> dict:
    rows = [
        {"id": page["id"], "precision": s.precision, "recall": s.recall, "f1": s.f1, "cpu": cpu}
        for page, s, cpu in zip(pages, engine.scores, engine.cpu, strict=True)
    ]
    return {"engine": engine.name, "failed": engine.failed, "pages": rows}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gold", type=Path, default=_GOLD)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th page")
    parser.add_argument("--engine", action="append", help="name[:option=value,…]; repeatable")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer-venv", type=Path, default=DEFAULT, help="made if missing")
    parser.add_argument("--markdown", action="store_true", help="tables for a README")
    parser.add_argument("--json", type=Path, help="also write the figures of every page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
