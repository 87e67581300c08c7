"""What decontamination costs, finds and raises false alarms on; datatrove's filter beside it.

    python benchmarks/decontamination.py ../shared/data [--datatrove]

Documents: the reference texts of ``gold.jsonl.gz``, cut into 1,000 of 5,000 characters. Evaluation
sets: ``text/eval``. CPU time is the best of three passes. Found: question and right answer of 400
items of each set, planted into such documents. datatrove's index is made here as its indexer makes
it, for which it wants lighteval: from every text of HellaSwag on its own, with 13-grams.
"""

import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scoring import gold_pages

from gristmill.filters.decontaminate import Decontaminate
from gristmill.pipeline.schema import documents

SHARES = (1e-9, 0.1, 0.25, 0.5, 0.7)
FIELDS = {
    "arc_easy": ("query", "choices", "gold"),
    "hellaswag_val": ("ctx", "endings", "label"),
    "piqa": ("query", "choices", "gold"),
}


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    best, found = float("inf"), None
    for _ in range(3):
        before = time.process_time()
        found = work()
        best = min(best, time.process_time() - before)
    return best, found


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def plant(text: str, page: str, rng: random.Random) -> str:
    at = rng.randrange(len(page))
    return f"{page[:at]} {text} {page[at:]}"


def ours(evals: list[Path], pages: list[str]) -> None:
    signals = Decontaminate(evals=tuple(map(str, evals))).signals()
    before = time.process_time()
    index = signals.index()
    took = time.process_time() - before
    items = sum(file.items for file in index.files)
    batches = [documents(pages[i : i + 64]) for i in range(0, len(pages), 64)]
    seconds, out = cpu(lambda: [signals(batch) for batch in batches])
    touched = sum(n > 0 for b in out for n in b["decontaminate.ngrams"].to_pylist())
    print(
        f"{items:,} items, {len(index.hashes):,} n-grams: index {took:.1f} s, "
        f"{seconds * 1e6 / len(pages):.0f} ms for 1,000 documents, {touched} of them touched"
    )


def recall(folder: Path, pages: list[str]) -> None:
    rng = random.Random(1)  # noqa: S311 - any draw will do, the same each time
    for name, (question, answers, right) in FIELDS.items():
        path = folder / f"{name}.jsonl.gz"
        signals = Decontaminate(evals=str(path)).signals()
        items = rng.sample(read(path), 400)
        for prompt in ("as it is", "without 'Question: '"):
            own = [(item[question], item[answers][item[right]]) for item in items]
            if prompt != "as it is":
                own = [(q.removeprefix("Question: "), answer) for q, answer in own]
            planted = [plant(" ".join(pair), rng.choice(pages), rng) for pair in own]
            found = signals(documents(planted))["decontaminate.share"].to_numpy()
            rates = ", ".join(f"{share:.2g}: {(found >= share).mean():.1%}" for share in SHARES)
            print(f"{name}, {prompt}: found at min_share {rates}")


def datatrove(path: Path, pages: list[str]) -> None:
    from datatrove.data import Document
    from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter
    from datatrove.utils.text import ngrams, simplify_text

    config = NGramsDecontConfig(n_grams=13)
    with tempfile.TemporaryDirectory() as folder:
        step = NGramsDecontFilter(folder, config=config)
        hashes = {
            step.hash_func(" ".join(gram))
            for item in read(path)
            for text in (item["ctx"], *item["endings"])
            for gram in ngrams(step.tokenizer.word_tokenize(simplify_text(text)), 13)
        }
        dtype = config.hash_config.np_descr
        np.array(list(hashes), dtype=dtype).tofile(f"{folder}/hellaswag.index.hashes")
        step.load_index_hashes()
        seconds, _ = cpu(lambda: [step.filter(Document(text=text, id="")) for text in pages])
    print(f"datatrove: {seconds * 1e6 / len(pages):.0f} ms for 1,000 documents")


def main(shared: Path, with_datatrove: bool) -> None:
    text = "\n".join(page["gold_text"] for page in gold_pages(shared / "gold.jsonl.gz"))
    pages = [text[i : i + 5000] for i in range(0, len(text), 5000)][:1000]
    folder = shared / "text" / "eval"
    hellaswag = folder / "hellaswag_val.jsonl.gz"
    ours([hellaswag], pages)
    ours([folder / f"{name}.jsonl.gz" for name in (*FIELDS, "winogrande")], pages)
    recall(folder, pages)
    if with_datatrove:
        datatrove(hellaswag, pages)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--datatrove" in sys.argv)
