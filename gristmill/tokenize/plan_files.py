"""The second round of token shards: which ranks go into which file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gristmill.pipeline.held_out import common_limit
from gristmill.pipeline.rounds import SingleTask, Tick
from gristmill.pipeline.shard import Draft
from gristmill.tokenize.encode_group import ENCODE
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.order import SPLITS, Tally, in_split
from gristmill.tokenize.ranked_file import read_columns

ORDER = "tokens.order"

#: Tokens that a task of the next round holds in memory at once, whatever the size of its file;
#: and what a document counts beside its tokens, since its row is held too.
_CHUNK = 1 << 27
_DOC_TOKENS = 64


@dataclass(frozen=True)
class OrderDocuments(SingleTask):
    """Decide which ranks go into which file; its facts are the plan."""

    format: str
    val_fraction: float
    target_tokens: int

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Count tokens by rank and split, and cut."""
        spans = (manifest.facts["draws"] for manifest in draft.folder.manifests(ENCODE))
        limit = common_limit(self.val_fraction, spans)
        tallies, docs = {split: Tally.empty() for split in SPLITS}, 0
        for path in draft.folder.outputs(ENCODE, ".documents.arrow"):
            table = read_columns(path, ["rank", "draw", "copy", "tokens"])
            columns = {name: table[name].to_numpy() for name in table.column_names}
            for split, tally in tallies.items():
                mine = in_split(split, columns["draw"], columns["copy"], limit)
                tally.add(columns["rank"][mine], columns["tokens"][mine])
            docs += table.num_rows
            tick({"docs_in": docs})
        draft.facts = {
            "val_limit": f"{int(limit):016x}",
            "files": [plan for split in SPLITS for plan in self._files(split, tallies[split])],
        }

    def _files(self, split: str, tally: Tally) -> Iterator[dict[str, Any]]:
        layout = FORMATS[self.format]
        target = None if layout.ONE_FILE else min(self.target_tokens, layout.MAX_TOKENS)
        for number, (first, end) in enumerate(tally.cut(target)):
            ranges = tally.cut(_CHUNK, _DOC_TOKENS, first, end)
            docs, tokens = tally.totals(first, end)
            stem = split if layout.ONE_FILE else f"{split}_{number:06d}"
            yield {
                "split": split,
                "stem": stem,
                "ranges": ranges,
                "docs": docs,
                "tokens": tokens,
            }
