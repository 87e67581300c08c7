"""The documents that ``dedup.py`` compares on: text of real pages, and variations to have more.

All pages of the WARC files (``--english``: those in English) that resiliparse finds text in, as
Parquet with columns id and text. ``--docs`` more than there are pages adds variations: a page whose
words are replaced, with a probability of 0.3, by others of the same page, which leaves a word
5-gram similarity of a tenth; for one variation in five the probability is 0.02, which makes it a
near-copy (0.8). Variations add no new words, so our memory of words does better on them than
on as many new pages. Fewer than there are: the first ones of a random order.

    python benchmarks/dedup_pages.py --out FOLDER [--docs 20000] [--warc GLOB]
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from checkout import ROOT
from dedup_runs import recipe

from gristmill.api import run

WARCS = str(ROOT.parent / "shared/data/warc/*.warc.gz")
EXTRACT = {"extract": {"engine": "resiliparse", "fallback": None}}
START_DOCS = 10

_SHARD_DOCS = 5_000
_NEAR, _FAR, _NEAR_SHARE = 0.02, 0.3, 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--warc", default=WARCS, help="glob")
    parser.add_argument("--out", type=Path, required=True, help="folder: full/ and start/")
    parser.add_argument("--docs", type=int, help="all pages, if it is not given")
    parser.add_argument("--english", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pages = page_texts(args.warc, args.english)
    texts = list(vary(pages, args.docs or len(pages), args.seed))
    write(texts, args.out / "full")
    write(texts[:START_DOCS], args.out / "start")
    print(f"{len(texts)} documents, {max(0, len(texts) - len(pages))} of them variations")


def page_texts(pattern: str, english: bool) -> list[str]:
    """Return the text of each page that has any."""
    stages = [EXTRACT, {"language": {"keep": ["en"]}}] if english else [EXTRACT]
    with tempfile.TemporaryDirectory(prefix="gristmill-pages-") as temp:
        run(recipe({"stages": stages}, pattern), temp)
        files = sorted(Path(temp).glob("documents/*.kept.parquet"))
        texts = [text for file in files for text in pq.read_table(file)["text"].to_pylist()]
    return [text for text in texts if text.strip()]


def vary(pages: Sequence[str], docs: int, seed: int) -> Iterator[str]:
    """Yield so many documents: pages in a random order, then variations of them."""
    order = np.random.default_rng(seed).permutation(len(pages))
    for number in range(docs):
        turn, at = divmod(number, len(pages))
        draw = np.random.default_rng([seed, number])
        rate = _NEAR if draw.random() < _NEAR_SHARE else _FAR
        text = pages[order[at]]
        yield _replace(text, rate, draw) if turn else text


def _replace(text: str, rate: float, draw: np.random.Generator) -> str:
    words = text.split(" ")
    places = np.flatnonzero(draw.random(len(words)) < rate)
    new = [words[i] for i in draw.integers(0, len(words), len(places))]
    for at, word in zip(places.tolist(), new, strict=True):
        words[at] = word
    return " ".join(words)


def write(texts: Sequence[str], folder: Path) -> None:
    """Write documents into shards; the id of each is its number."""
    folder.mkdir(parents=True)
    for start in range(0, len(texts), _SHARD_DOCS):
        part = texts[start : start + _SHARD_DOCS]
        ids = [str(start + i) for i in range(len(part))]
        table = pa.table({"id": ids, "text": part})
        pq.write_table(table, folder / f"{start:09d}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
