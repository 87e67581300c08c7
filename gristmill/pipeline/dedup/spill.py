"""Numbers on disk, by part: for what one task cannot hold at once."""

import shutil
from pathlib import Path

import numpy as np

from gristmill.pipeline.dedup.arrays import U64, Index


class Spill:
    """Rows of 64-bit numbers, each in one of a number of parts. Not synced, never published."""

    def __init__(self, folder: Path, parts: int, width: int) -> None:
        self._folder, self.parts, self._width = folder, parts, width
        folder.mkdir(parents=True)

    def add(self, rows: U64, part: Index) -> None:
        """Append rows (n, width) to the parts named for them; their order within a part stays."""
        order = np.argsort(part, kind="stable")
        rows, ends = rows[order], np.cumsum(np.bincount(part, minlength=self.parts))
        for number, (start, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
            if end > start:
                with self._path(number).open("ab") as file:
                    file.write(rows[start:end].tobytes())

    def read(self, part: int) -> U64:
        """Return the rows (n, width) of one part."""
        path = self._path(part)
        flat = np.fromfile(path, np.uint64) if path.exists() else np.zeros(0, np.uint64)
        return flat.reshape(-1, self._width)

    def remove(self) -> None:
        """Delete all parts."""
        shutil.rmtree(self._folder)

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:05d}"
