"""What describes token files: ``shards.json`` and a copy of the tokenizer."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gristmill.pipeline.durable import sync_and_hash
from gristmill.pipeline.rounds import SingleTask, Tick
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.encode_group import ENCODE
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.order import SPLITS
from gristmill.tokenize.source import TokenizerSource
from gristmill.tokenize.write_shard import item_type


@dataclass(frozen=True)
class DescribeShards(SingleTask):
    """Write ``shards.json`` and a copy of the tokenizer beside the token files."""

    format: str
    name: str
    tokenizer: TokenizerSource

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write both files."""
        folder, layout = draft.folder, FORMATS[self.format]
        copy = draft.path("tokenizer.json")
        shutil.copyfile(self.tokenizer.file(folder), copy)
        facts = folder.manifests(ENCODE)[0].facts
        held = np.dtype(facts["dtype"])
        shards = list(self._entries(folder))
        splits = {
            split: {
                unit: sum(entry[unit] for entry in shards if entry["split"] == split)
                for unit in ("tokens", "docs", "bytes")
            }
            for split in SPLITS
        }
        body = {
            "schema": 1,
            "format": self.format,
            "dtype": item_type(layout, held).name,
            "vocab_size": facts["vocab_size"],
            "eot": facts["eot"],
            "eot_place": layout.EOT,
            "tokenizer": copy.name,
            "tokenizer_sha256": sync_and_hash(copy)[1],
            "splits": splits,
            "shards": shards,
        }
        draft.path("shards.json").write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
        draft.facts = {"splits": splits}
        tick({"docs_in": sum(split["docs"] for split in splits.values())})

    def _entries(self, folder: RunFolder) -> Iterator[dict[str, Any]]:
        for manifest in folder.manifests(f"{self.name}.write"):
            hashes = {Path(out.path).name: out.sha256 for out in manifest.outputs}
            (main,) = (out for out in manifest.outputs if out.tokens is not None)
            yield {
                "path": Path(main.path).name,
                "sha256": main.sha256,
                "tokens": main.tokens,
                "docs": main.docs,
                "bytes": manifest.facts["bytes"],
                "split": manifest.facts["split"],
                "companions": [
                    {"path": name, "sha256": hashes[name]} for name in manifest.facts["companions"]
                ],
            }
