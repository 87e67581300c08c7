"""The report against the rows that a run wrote."""

import json
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

import gristmill
from gristmill.api import reopen
from gristmill.filters.contamination import read_contamination
from gristmill.filters.decontaminate import Decontaminate
from gristmill.recipe import parse_recipe

VOCABULARY = ["mill", "rye", "oats", "wheel", "stone", "river", "baker", "flour", "sluice", "oak"]


def test_it_adds_up_to_the_ledger_and_the_documents(tmp_path: Path) -> None:
    rng = random.Random(3)
    items = [" ".join(rng.choices(VOCABULARY, k=12)) for _ in range(6)]
    for name, own in (("a", items[:3]), ("b", items[3:])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, own)))
    for shard in range(2):
        texts = [
            " ".join(["x", *rng.choice(items).split()[: rng.randrange(13)], "y"]) for _ in range(60)
        ]
        lines = [json.dumps({"id": f"{shard}-{i}", "text": text}) for i, text in enumerate(texts)]
        (tmp_path / f"docs-{shard}.jsonl").write_text("\n".join(lines))
    evals = [str(tmp_path / f"{name}.jsonl") for name in "ab"]
    judge = {"evals": evals, "ngram": 4, "min_words": 4, "min_share": 0.5}
    body = {
        "inputs": {"jsonl": str(tmp_path / "docs-*.jsonl")},
        "stages": [{"decontaminate": judge}],
    }
    out = tmp_path / "out"
    report = gristmill.run(parse_recipe(body, "test"), out)
    found = read_contamination(*reopen(out))
    assert [file.items for file in found.files] == [3, 3]
    for hits, what in ((found.dropped, "rejected"), (found.touched, "kept")):
        rows = [
            row
            for path in sorted((out / "documents").glob(f"*.{what}.parquet"))
            for row in pq.read_table(path).to_pylist()
            if row["decontaminate.ngrams"]
        ]
        assert len(rows) > 20
        assert {hit.item: hit.docs for hit in hits} == Counter(
            row["decontaminate.item"] for row in rows
        )
        assert [hit.docs for hit in hits] == sorted((hit.docs for hit in hits), reverse=True)
        for hit in hits:
            own = [row for row in rows if row["decontaminate.item"] == hit.item]
            assert hit.share == max(row["decontaminate.share"] for row in own)
            (example,) = [row for row in own if row["key"] == hit.key]
            assert (hit.id, hit.share) == (example["id"], example["decontaminate.share"])
            assert (hit.share >= 0.5) == (what == "rejected")
    dropped = sum(file.docs_dropped for file in found.files)
    assert report.stages[-1].drops == {"contaminated": dropped}
    assert sum(file.items_hit for file in found.files) == len(found.dropped)
    assert sum(file.docs_touched for file in found.files) == sum(h.docs for h in found.touched)
    assert Decontaminate(**judge).assets().keys() == {file.file for file in found.files}
