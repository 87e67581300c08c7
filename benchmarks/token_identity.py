"""The same ids from every engine and export, on all real text at hand and on made-up strings.

Texts: the text of all pages of the crawl (resiliparse), the reference texts, every string in the
JSON files and every text file under ``shared/data/text``. Strings: Hypothesis, drawn from all of
Unicode, pieces that tokenizers trip over, and names of special tokens.

For each pattern a tokenizer of ``--vocab-size`` tokens is trained on the texts. Then for each text
and string: ours, HF tokenizers' from ``tokenizer.json`` and tiktoken's from the exported ranks must
be the same ids, and decode to the text. Fails if one does not.

    python benchmarks/token_identity.py --strings 100000
"""

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from checkout import ROOT, commit, machine
from dedup_pages import WARCS, page_texts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.exports import write_ranks
from gristmill.tokenize.formats.vocab import load_vocabulary
from gristmill.tokenize.patterns import CL100K_BASE, PATTERNS
from gristmill.tokenize.ranks import load_tiktoken
from gristmill.tokenize.tokenizer_json import ranks_of
from gristmill.tokenize.train import train_bpe

_DATA = ROOT.parent / "shared/data"
_STRINGS_AT_ONCE = 50
_SNIPPETS = [
    "<|endoftext|>", "'s", "'LL", "ſ", "\r\n", "\n\n", "  ", "\t", "\0", "\x85", "\u2028",
    "e\u0301",
    "12345", "½Ⅷ٣", "水車は", "물레방아", "👩\u200d👧", "\ufeff", "İ", "ß", "a.b/c", "{}();",
    "Ġ", "\U00033145",
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--warc", default=WARCS, help="glob")
    parser.add_argument("--strings", type=int, default=100_000)
    parser.add_argument("--vocab-size", type=int, default=32_768)
    patterns = PATTERNS | {"cl100k_base": CL100K_BASE}
    parser.add_argument("--patterns", default=",".join(patterns), help="with commas")
    args = parser.parse_args()
    texts = [*page_texts(args.warc, False), *_references(args.data), *_files(args.data / "text")]
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts):,} texts, {size:.1f} MB", flush=True)
    with tempfile.TemporaryDirectory() as temp:
        for name in args.patterns.split(","):
            path = Path(temp) / f"{name}.json"
            path.write_text(
                train_bpe(iter(texts), args.vocab_size, patterns[name]).to_str(), "utf-8"
            )
            compare = _comparison(path)
            for start in range(0, len(texts), 1000):
                compare(texts[start : start + 1000])
            _made_up(compare, args.strings)
            print(f"{name}: gigatoken, tokenizers and tiktoken agree and decode back, "
                  f"{args.strings:,} strings too", flush=True)  # fmt: skip
    print(f"{machine()}; commit {commit()}")
    return 0


def _references(data: Path) -> Iterator[str]:
    with gzip.open(data / "gold.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from (text for line in file if (text := json.loads(line)["gold_text"]))


def _files(folder: Path) -> Iterator[str]:
    """Yield every text file as a whole and every string of the JSON files."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8")
        if ".jsonl" in path.name:
            for line in text.splitlines():
                yield from _strings(json.loads(line))
        elif ".json" in path.name:
            yield from _strings(json.loads(text))
        else:
            yield text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from _strings(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _strings(inner)


def _comparison(path: Path) -> Callable[[list[str]], None]:
    """Return what compares all ways to encode some texts with this tokenizer."""
    write_ranks(ranks_of(path), lambda name: path.with_name(f"{path.stem}-{name}"))
    (exported,) = path.parent.glob(f"{path.stem}-*.tiktoken")
    ours, theirs, openai = (
        load_encoder(path),
        Tokenizer.from_file(str(path)),
        load_tiktoken(exported),
    )
    theirs.encode_special_tokens = True
    if ours.engine != "gigatoken":
        raise SystemExit(f"{path.stem}: encoded by {ours.engine}")
    vocabulary = load_vocabulary(path)

    def compare(texts: list[str]) -> None:
        ids, sizes = ours.encode_batch(pa.array(texts, pa.string()))
        found = theirs.encode_batch(texts, add_special_tokens=False)
        for text, mine, other in zip(texts, np.split(ids, np.cumsum(sizes)), found, strict=False):
            mine = mine.tolist()
            if not mine == other.ids == openai.encode_ordinary(text):
                raise SystemExit(f"{path.stem}: other ids for {text[:500]!r}")
            if vocabulary.to_bytes(mine).decode() != text or openai.decode(mine) != text:
                raise SystemExit(f"{path.stem}: does not decode to {text[:500]!r}")

    return compare


def _made_up(compare: Callable[[list[str]], None], count: int) -> None:
    text = st.text() | st.lists(st.sampled_from(_SNIPPETS) | st.text(max_size=6)).map("".join)

    @settings(
        max_examples=-(-count // _STRINGS_AT_ONCE),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(text, min_size=_STRINGS_AT_ONCE, max_size=_STRINGS_AT_ONCE))
    def check(strings: list[str]) -> None:
        compare(strings)

    check()


if __name__ == "__main__":
    sys.exit(main())
