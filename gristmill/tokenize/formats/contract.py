"""What every shard format offers, so that a new one is a module and a dictionary entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[Any] | Sequence[int]
StrPath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Header:
    """What a token file says about itself.

    Attributes:
        version: the format's own version number.
        tokens: number of tokens that follow.
        dtype: little-endian token type.
    """

    version: int
    tokens: int
    dtype: np.dtype[Any]


class TokenWriter(Protocol):
    """A context manager that appends arrays of token ids to one file."""

    tokens: int

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def write(self, tokens: Tokens) -> None:
        """Append token ids."""


class TokenFormat(Protocol):
    """A module that reads and writes one layout of token files."""

    def writer(self, path: StrPath, dtype: npt.DTypeLike) -> TokenWriter:
        """Return a streaming writer."""

    def write(self, path: StrPath, tokens: Tokens, dtype: npt.DTypeLike = ...) -> None:
        """Write one file."""

    def read_header(self, path: StrPath) -> Header:
        """Read and check the header against the size of the file."""

    def open_tokens(self, path: StrPath) -> npt.NDArray[Any]:
        """Map the tokens, read-only, without reading them."""
