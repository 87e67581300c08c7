"""``shards.json``."""

import hashlib
import json
from pathlib import Path

import pytest

from gristmill.pipeline.rounds import View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.shards import TokenShards, WriteTokens
from gristmill.tokenize.source import TokenizerSource

TEXTS = [[f"sack {n} of rye" for n in range(40)]]


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("layout", FORMATS)
def test_it_describes_every_file_there_is(lay, bpe, layout: str) -> None:
    folder = lay(TEXTS)
    made = TokenShards(format=layout, target_tokens=1000, val_fraction=0.2)
    stage = WriteTokens(config=made, tokenizer=TokenizerSource(str(bpe("gpt4"))))
    execute(folder, stage.rounds("shards", View("documents")), LocalRunner())
    out = folder.root / "shards"
    body = json.loads((out / "shards.json").read_text())
    assert (body["schema"], body["format"], body["dtype"]) == (1, layout, "uint16")
    assert (body["vocab_size"], body["eot"]) == (400, 399)
    assert body["eot_place"] == FORMATS[layout].EOT
    assert body["tokenizer_sha256"] == _sha(out / body["tokenizer"]) == _sha(bpe("gpt4"))
    told = {"shards.json", "tokenizer.json"}
    for entry in body["shards"]:
        for file in (entry, *entry["companions"]):
            assert file["sha256"] == _sha(out / file["path"])
            told.add(file["path"])
    there = {p.name for p in out.iterdir()}
    assert {n for n in there if not n.endswith((".manifest.json", "round.json"))} == told
    size = sum(len(text.encode()) for text in TEXTS[0])
    for unit, total in (("docs", 40), ("bytes", size)):
        assert sum(split[unit] for split in body["splits"].values()) == total
        assert sum(entry[unit] for entry in body["shards"]) == total
