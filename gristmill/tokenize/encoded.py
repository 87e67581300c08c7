"""Encoded documents, read by ranges of their rank from all tasks that wrote them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize.encode_group import ENCODE
from gristmill.tokenize.formats.contract import EotPlace
from gristmill.tokenize.order import in_split
from gristmill.tokenize.ranked_file import read_ranked


@dataclass(frozen=True)
class EncodedSplit:
    """The encoded documents of one split.

    Attributes:
        folder: the run.
        split: ``train`` or ``val``.
        limit: draws below it are held out.
        tasks: number of tasks that encoded.
        dtype: type that encoded tokens are kept in.
        eot: id of the end-of-text token.
    """

    folder: RunFolder
    split: str
    limit: np.uint64
    tasks: int
    dtype: np.dtype[Any]
    eot: int

    @classmethod
    def of(cls, folder: RunFolder, split: str, limit: np.uint64) -> Self:
        """Open a split of a run whose documents are encoded."""
        manifests = folder.manifests(ENCODE)
        facts = manifests[0].facts
        dtype = np.dtype(str(facts["dtype"])).newbyteorder("<")
        return cls(folder, split, limit, len(manifests), dtype, int(facts["eot"]))

    def collect(
        self, low: int, high: int, eot: EotPlace
    ) -> tuple[pa.Table, npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Return the documents of a range of ranks in their order.

        Args:
            low: smallest rank.
            high: largest rank.
            eot: where the end-of-text token of a document goes.

        Returns:
            Their rows (ENCODED); their tokens, end-of-text tokens in place; and the size of each.
        """
        found = [self._rows(task, low, high) for task in range(self.tasks)]
        rows = pa.concat_tables(found)
        source = np.repeat(np.arange(len(found)), [len(table) for table in found])
        columns = [rows[name].to_numpy() for name in ("copy", "key", "rank")]
        order = np.lexsort(columns)
        rows, source = rows.take(pa.array(order)), source[order]
        sizes = rows["tokens"].to_numpy() + 1
        starts = np.cumsum(sizes) - sizes + (eot == "before")
        tokens = np.full(int(sizes.sum()), self.eot, self.dtype)
        for task in np.unique(source).tolist():
            at = np.flatnonzero(source == task)
            self._fill(tokens, task, rows["first"].to_numpy()[at], starts[at], sizes[at] - 1)
        return rows, tokens, sizes

    def _rows(self, task: int, low: int, high: int) -> pa.Table:
        table = read_ranked(self.folder.file(ENCODE, task, "documents.arrow"), low, high)
        draw, copy = (table[name].to_numpy() for name in ("draw", "copy"))
        return table.filter(pa.array(in_split(self.split, draw, copy, self.limit)))

    def _fill(
        self,
        tokens: npt.NDArray[Any],
        task: int,
        first: npt.NDArray[np.int64],
        starts: npt.NDArray[np.int64],
        sizes: npt.NDArray[np.int64],
    ) -> None:
        """Copy the tokens of one task's documents to where they belong."""
        path: Path = self.folder.file(ENCODE, task, "tokens.raw")
        if not path.stat().st_size:
            return  # nothing cannot be mapped
        raw = np.memmap(path, self.dtype, "r")
        for source, target, size in zip(
            first.tolist(), starts.tolist(), sizes.tolist(), strict=True
        ):
            tokens[target : target + size] = raw[source : source + size]
