"""The token files of nanoGPT: token ids and nothing else.

``train.bin`` and ``val.bin``, little-endian, no header; each document is followed by the
end-of-text token (nanoGPT ``data/openwebtext/prepare.py``). Its ``train.py`` maps each as uint16:
uint32 files, for larger vocabularies, need that word changed there.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.contract import EotPlace, Header, StrPath
from gristmill.tokenize.formats.raw import (
    NO_COUNT,
    UINT16,
    UINT32,
    StreamWriter,
    count_items,
    map_items,
)

EOT: EotPlace = "after"
ONE_FILE = True
DTYPES: tuple[np.dtype[Any], ...] = (UINT16, UINT32)
MAX_TOKENS = NO_COUNT


def files(stem: str) -> tuple[str, ...]:
    """Return the names of the files of one split."""
    return (f"{stem}.bin",)


class NanogptWriter(StreamWriter):
    """The tokens alone."""

    name = "nanoGPT"
    dtypes = DTYPES
    max_tokens = MAX_TOKENS


def writer(path: StrPath, dtype: npt.DTypeLike = np.uint16) -> NanogptWriter:
    """Return a streaming writer; see ``StreamWriter``."""
    return NanogptWriter(path, dtype)


def read_header(path: StrPath, dtype: npt.DTypeLike | None = None) -> Header:
    """Count the tokens of a file; there is nothing else to check.

    Args:
        path: the file.
        dtype: uint16, as nanoGPT reads it, where None.

    Raises:
        ConfigError: no such file, or another type.
        CorruptError: the last token is cut.
    """
    known = np.dtype(UINT16 if dtype is None else dtype).newbyteorder("<")
    if known not in DTYPES:
        raise ConfigError(
            f"{path}: nanoGPT files hold uint16 or uint32, not {known.name}; use one of these"
        )
    return Header(version=0, tokens=count_items(path, known), dtype=known)


def open_tokens(path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Map the tokens of a file, read-only, shape (tokens,). Raises as ``read_header`` does."""
    header = read_header(path, dtype)
    return map_items(path, header.dtype, header.tokens)


def sizes(path: StrPath, dtype: npt.DTypeLike | None = None) -> None:
    """Documents are not recorded: they are what the end-of-text tokens divide."""
    del path, dtype
