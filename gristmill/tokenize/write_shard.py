"""The third round of token shards: one token file, its companions and its provenance index."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.encoded import EncodedSplit
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.contract import TokenFormat
from gristmill.tokenize.order import rank_range
from gristmill.tokenize.plan_files import ORDER
from gristmill.tokenize.provenance import PROVENANCE

#: Rows of a group of the provenance index: what is read to find one token.
_INDEX_ROWS = 10_000


@dataclass(frozen=True)
class WriteShard:
    """Write one token file, its companions and its provenance index."""

    format: str

    def count(self, folder: RunFolder) -> int:
        """One task for each file of the plan."""
        return len(folder.manifests(ORDER)[0].facts["files"])

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Collect the documents of this file, range after range, and write them."""
        layout = FORMATS[self.format]
        order = draft.folder.manifests(ORDER)[0].facts
        plan = order["files"][draft.task]
        limit = np.uint64(int(order["val_limit"], 16))
        encoded = EncodedSplit.of(draft.folder, plan["split"], limit)
        name, *beside = layout.files(plan["stem"])
        path, docs, once, text_bytes = draft.path(name), 0, 0, 0
        index = draft.path(f"{plan['stem']}.index.parquet", docs=plan["docs"])
        with (
            layout.writer(path, item_type(layout, encoded.dtype)) as out,
            pq.ParquetWriter(index, PROVENANCE, compression="zstd") as provenance,
        ):
            for first, end in plan["ranges"]:
                rows, tokens, sizes = encoded.collect(*rank_range(first, end), layout.EOT)
                starts = out.tokens + np.cumsum(sizes) - sizes
                out.write(tokens, sizes)
                provenance.write_table(_placed(rows, starts, sizes), row_group_size=_INDEX_ROWS)
                docs += len(rows)
                once += pc.sum(pc.equal(rows["copy"], 0)).as_py() or 0
                text_bytes += pc.sum(rows["bytes"]).as_py() or 0
                tick({"docs_in": docs})
            written = out.tokens
        if (docs, written) != (plan["docs"], plan["tokens"]):
            raise ShardError(
                f"{path.name}: {docs} documents and {written} tokens were found, the plan has "
                f"{plan['docs']} and {plan['tokens']}; start again under another --out"
            )
        draft.path(name, docs=docs, tokens=written)
        for companion in beside:
            draft.path(companion)
        draft.stages = [StageCount(name="shards", docs_in=once, docs_out=once)]
        draft.figures = {"repeated": docs - once} if docs > once else {}
        draft.facts = {
            "split": plan["split"],
            "bytes": text_bytes,
            "companions": [*beside, index.name],
        }


def item_type(layout: TokenFormat, held: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest type of a format that holds tokens of this type's ids."""
    for dtype in layout.DTYPES:
        if dtype.itemsize >= held.itemsize:
            return dtype
    raise ConfigError(f"no type of this format holds {held.name}; choose another shards.format")


def _placed(rows: pa.Table, first: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> pa.Table:
    columns = {name: rows[name] for name in PROVENANCE.names}
    return pa.table(columns | {"first": first, "tokens": sizes}, schema=PROVENANCE)
