"""Compare our filters with datatrove's on every page of some WARC files.

Each filter judges every page by itself, not only what earlier filters left, on the same extracted
text; FineWeb's filter judges C4's rewritten text as well. Texts and datatrove's verdicts (minutes)
are kept in a folder outside the repository, so that a second run asks only our side.

    python benchmarks/parity.py '../shared/data/warc/*.warc.gz' --engine plain
"""

import argparse
import glob
import gzip
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import parity_oracle
import pyarrow as pa
import pyarrow.parquet as pq
from parity_checks import Difference, differences, judge_ours
from parity_oracle import CHECKS, Oracle, Verdict, from_json, judge_theirs, to_json

from gristmill.filters.language import _builtin
from gristmill.pipeline import extract
from gristmill.pipeline.warc import read_warc

BATCH = 64
Document = tuple[str, str, str]  # WARC and offset, text, URL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("warcs", nargs="+", help="paths or glob patterns")
    parser.add_argument("--engine", default="resiliparse", choices=sorted(extract.EXTRACTORS))
    cache = Path(tempfile.gettempdir(), "gristmill-parity")
    parser.add_argument("--cache", type=Path, default=cache, help=f"folder; default {cache}")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    args = parser.parse_args()
    paths = sorted({path for pattern in args.warcs for path in glob.glob(pattern)})
    if not paths:
        parser.error(f"no such file: {' '.join(args.warcs)}")
    args.cache.mkdir(parents=True, exist_ok=True)
    oracle = Oracle(_builtin(), args.cache / "lists")
    total: Counter[str] = Counter()
    found: list[Difference] = []
    for path in paths:
        texts = texts_of(path, args.engine, args.cache)
        theirs = list(verdicts_of(oracle, texts, args.cache))
        found += compare(oracle, read(texts), theirs, total)
        print(f"{Path(path).name}: {total['documents']} documents so far", file=sys.stderr)
    report = summary(args.engine, total, found)
    print(json.dumps(report, indent=1) if args.json else table(report))
    return 1 if any(d.explained_by is None for d in found) else 0


def compare(
    oracle: Oracle,
    pages: list[Document],
    theirs: list[dict[str, Verdict]],
    total: Counter[str],
) -> Iterator[Difference]:
    """Judge pages with our stages and yield every difference."""
    for start in range(0, len(pages), BATCH):
        some = pages[start : start + BATCH]
        ours = judge_ours([text for _, text, _ in some], [url for _, _, url in some])
        for i, (page, mine) in enumerate(zip(some, ours, strict=True), start):
            total.update(documents=1, texts=bool(page[1]))
            both = [check for check in CHECKS if check in mine and check in theirs[i]]
            total.update(both)
            total.update(f"{c}: numbers" for c in both for _ in theirs[i][c].numbers)
            total.update(f"{c}: dropped" for c in both if theirs[i][c].reason)
            yield from differences(oracle, page, mine, theirs[i])


def texts_of(path: str, engine: str, cache: Path) -> Path:
    """Extract the pages of a WARC into a Parquet file, unless it is there already."""
    stat = Path(path).stat()
    code = b"".join(p.read_bytes() for p in sorted(Path(extract.__file__).parent.glob("*.py")))
    packages = [version(name) for name in ("resiliparse", "trafilatura")]
    key = _key(path, stat.st_size, stat.st_mtime_ns, engine, packages, code)
    target = cache / f"{Path(path).name}-{engine}-{key}.parquet"
    if not target.is_file():
        batches = map(extract.Extract(engine=engine), read_warc(path, 0, Counter()))
        parts = [batch.select(["warc", "offset", "url", "text"]) for batch in batches]
        fresh = target.with_suffix(".tmp")
        pq.write_table(pa.Table.from_batches(parts), fresh, compression="zstd")
        fresh.rename(target)
    return target


def read(texts: Path) -> list[Document]:
    """Return the pages; one without text is judged as an empty text."""
    rows = pq.read_table(texts).to_pylist()
    return [(f"{r['warc']}:{r['offset']}", r["text"] or "", r["url"] or "") for r in rows]


def verdicts_of(oracle: Oracle, texts: Path, cache: Path) -> Iterator[dict[str, Verdict]]:
    """Yield datatrove's verdicts on the pages of a file, asking it once for the same texts."""
    code = Path(parity_oracle.__file__).read_bytes()
    key = _key(read(texts), version("datatrove"), version("spacy"), code)
    target = cache / f"datatrove-{key}.jsonl.gz"
    if not target.is_file():
        fresh = target.with_suffix(".tmp")
        with gzip.open(fresh, "wt", encoding="utf-8") as file:
            for _, text, url in read(texts):
                file.write(to_json(judge_theirs(oracle, text, url)) + "\n")
        fresh.rename(target)
    with gzip.open(target, "rt", encoding="utf-8") as file:
        yield from map(from_json, file)


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def summary(engine: str, total: Counter[str], found: list[Difference]) -> dict[str, object]:
    """Return the figures of a run."""
    checks = {}
    for check in CHECKS:
        mine = [d for d in found if d.check == check]
        unequal = Counter(kind.split(":")[0] for d in mine for kind in d.kinds)
        n = total[check]
        checks[check] = {
            "documents": n,
            "dropped": total[f"{check}: dropped"],
            "equal_verdicts": n - unequal["verdict"],
            "equal_reasons": n - unequal["verdict"] - unequal["reason"],
            "equal_texts": n - unequal["text"],
            "numbers": total[f"{check}: numbers"],
            "equal_numbers": total[f"{check}: numbers"] - unequal["number"],
            "unexplained": sum(d.explained_by is None for d in mine),
        }
    return {
        "engine": engine,
        "datatrove": version("datatrove"),
        "documents": total["documents"],
        "with_text": total["texts"],
        "checks": checks,
        "exceptions": dict(Counter(d.explained_by or "unexplained" for d in found)),
        "differences": [asdict(d) for d in found],
    }


def table(report: dict[str, object]) -> str:
    """Return the figures as text."""
    columns = ("documents", "dropped", "equal_verdicts", "equal_reasons", "equal_texts")
    columns += ("numbers", "equal_numbers", "unexplained")
    lines = [
        f"{report['engine']} text, datatrove {report['datatrove']}: {report['documents']} "
        f"documents, {report['with_text']} of them with text",
        f"{'':26}" + "".join(f"{name.replace('_', ' '):>16}" for name in columns),
    ]
    for check, row in report["checks"].items():  # type: ignore[attr-defined]
        lines.append(f"{check:26}" + "".join(f"{row[name]:>16}" for name in columns))
    lines += ["", f"differences by exception: {report['exceptions'] or 'none'}"]
    for d in report["differences"]:  # type: ignore[attr-defined]
        lines.append(
            f"  {d['check']}  {d['where']}  {'+'.join(d['kinds'])}\n"
            f"    ours {d['ours']} · theirs {d['theirs']} · {d['explained_by'] or 'UNEXPLAINED'}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
