"""Where the documents of a token file end."""

from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.tokenize.formats.contract import EotPlace

#: Tokens looked at in one piece, so that memory does not grow with the file.
CHUNK = 1 << 22

Ends = npt.NDArray[np.int64]


def positions(tokens: npt.NDArray[Any], token: int) -> Ends:
    """Return where a token stands, in ascending order."""
    found = [
        start + np.flatnonzero(tokens[start : start + CHUNK] == token)
        for start in range(0, len(tokens), CHUNK)
    ]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def ends_by_token(at: Ends, total: int, place: EotPlace) -> Ends:
    """Return the exclusive ends of documents from the positions of end-of-text tokens.

    What stands before the first boundary and after the last is a document too, so that nothing
    is lost of files that begin or end within one.

    Args:
        at: positions of end-of-text tokens, ascending.
        total: number of tokens of the file.
        place: on which side of its document each stands.
    """
    ends = at + 1 if place == "after" else at[at > 0]
    if total and (len(ends) == 0 or ends[-1] != total):
        ends = np.append(ends, total)
    return ends


def document_ends(
    tokens: npt.NDArray[Any], eot: int, place: EotPlace, sizes: Ends | None = None
) -> Ends:
    """Return the exclusive end of each document of a file.

    Args:
        tokens: the file, mapped.
        eot: the end-of-text token.
        place: where it stands.
        sizes: of the documents, where the format records them. An end-of-text token within one
            of these divides it all the same.
    """
    ends = ends_by_token(positions(tokens, eot), len(tokens), place)
    if sizes is None:
        return ends
    recorded = np.cumsum(sizes, dtype=np.int64)
    return np.sort(np.concatenate([recorded, np.setdiff1d(ends, recorded)]))
