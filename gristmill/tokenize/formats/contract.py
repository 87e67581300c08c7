"""What every shard format offers, so that a new one is a module and a dictionary entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[Any] | Sequence[int]
StrPath = str | PathLike[str]

#: Where the end-of-text token of a document stands.
EotPlace = Literal["before", "after"]


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
    """A context manager that appends documents to one token file and its companions."""

    tokens: int

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def write(self, tokens: Tokens, sizes: Tokens) -> None:
        """Append whole documents.

        Args:
            tokens: ids of all of them, one after the other, end-of-text tokens in place.
            sizes: number of tokens of each, its end-of-text token counted; their sum is the
                length of ``tokens``.
        """


class TokenFormat(Protocol):
    """A module that reads and writes one layout of token files."""

    #: Where this format's own readers expect the end-of-text token.
    EOT: EotPlace
    #: Its readers want a split to be one file.
    ONE_FILE: bool
    #: Token types it can hold, smallest first.
    DTYPES: tuple[np.dtype[Any], ...]
    #: Most tokens that one file can hold.
    MAX_TOKENS: int

    def files(self, stem: str) -> tuple[str, ...]:
        """Return the names of the files of one shard: the token file, then its companions."""

    def writer(self, path: StrPath, dtype: npt.DTypeLike) -> TokenWriter:
        """Return a streaming writer of the token file ``path``; companions go beside it."""

    def read_header(self, path: StrPath, dtype: npt.DTypeLike | None = None) -> Header:
        """Read what is known about a file and check it against its size.

        ``dtype`` is for formats whose files do not say it.
        """

    def open_tokens(self, path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
        """Map the tokens, read-only, without reading them."""

    def sizes(
        self, path: StrPath, dtype: npt.DTypeLike | None = None
    ) -> npt.NDArray[np.int64] | None:
        """Return the size of each document, or None where the format does not record it."""
