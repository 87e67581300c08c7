"""Random tokens of a run's shards, led back to their pages.

For each of ``--sample`` random tokens: the row that ``gristmill shards where`` finds for it; the
WARC record that stands at the place it names, read with warcio, must be a response for the same
URL; and the tokens from where the row says the document begins to where it ends must decode to the
text of the document with that key. Fails at the first that does not.

    gristmill run fineweb --out out --input '../shared/data/warc/*.warc.gz'
    python benchmarks/where.py out --sample 1000
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
from checkout import commit, machine
from warcio.archiveiterator import ArchiveIterator

from gristmill.pipeline.plan import load_plan
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.tokenize.provenance import where


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="folder that gristmill run wrote, from WARC files")
    parser.add_argument("--sample", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shards = ShardSet(args.run / "shards")
    warcs = {Path(file.path).name: file.path for file in load_plan(args.run).inputs}
    texts = _texts(args.run)
    rng = np.random.default_rng(args.seed)
    sizes = np.array([shard.tokens for shard in shards.shards])
    seconds, urls = [], set()
    for place in np.sort(rng.choice(int(sizes.sum()), args.sample, replace=False)).tolist():
        number = int(np.searchsorted(np.cumsum(sizes), place, side="right"))
        path = shards.folder / shards.shards[number].path
        begun = time.perf_counter()
        row = where(path, place - int(sizes[:number].sum()))
        seconds.append(time.perf_counter() - begun)
        _check_record(row, warcs[Path(row["warc"]).name])
        _check_text(row, shards, number, texts[row["key"]])
        urls.add(row["url"])
    print(
        f"{args.sample} random tokens of {sizes.sum():,} in {len(sizes)} files: all lead to their "
        f"record and text, {len(urls)} pages; {1000 * median(seconds):.1f} ms a look-up (median)"
    )
    print(f"{machine()}; commit {commit()}")
    return 0


def _texts(run: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for file in sorted((run / "documents").glob("*.kept.parquet")):
        table = pq.read_table(file, columns=["key", "text"])
        found |= dict(zip(table["key"].to_pylist(), table["text"].to_pylist(), strict=True))
    return found


def _check_record(row: dict, warc: str) -> None:
    with Path(warc).open("rb") as file:
        file.seek(row["offset"])
        record = next(iter(ArchiveIterator(file)))
    found = (record.rec_type, record.rec_headers.get_header("WARC-Target-URI"))
    if found != ("response", row["url"]):
        raise SystemExit(f"{warc} at {row['offset']} holds {found}, not {row['url']}")


def _check_text(row: dict, shards: ShardSet, number: int, text: str) -> None:
    split = shards.shards[number].split
    at = shards.of(split).index(shards.shards[number])
    ids = shards.arrays(split)[at][row["first"] : row["first"] + row["tokens"]]
    words = shards.vocabulary.decode([i for i in ids.tolist() if i != shards.eot])
    if words != text:
        raise SystemExit(f"token {row['first']} of {shards.shards[number].path}: another text")


if __name__ == "__main__":
    sys.exit(main())
