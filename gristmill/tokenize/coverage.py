"""How a vocabulary is used by a corpus: which ids come, how often, and which never."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gristmill.tokenize.formats.vocab import Vocabulary

#: Shares of all tokens for which the commonest ids are counted.
SHARES = (0.5, 0.9, 0.99)
_LISTED = 10
#: Points of the curve of shares: enough for a drawing, few enough for a page.
_POINTS = 120


@dataclass(frozen=True)
class TokenKinds:
    """Masks over the ids of a vocabulary.

    Attributes:
        vocabulary: the tokens.
        ordinary: ids that encoding can give: neither special nor left out.
        broken: ids whose bytes are not whole characters.
        fallback: of these, single bytes.
    """

    vocabulary: Vocabulary
    ordinary: npt.NDArray[np.bool_]
    broken: npt.NDArray[np.bool_]
    fallback: npt.NDArray[np.bool_]

    @property
    def masks(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """``broken`` and ``fallback``."""
        return self.broken, self.fallback

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Self:
        """Look at every token once."""
        tokens = vocabulary.token_bytes
        ordinary = np.array([bool(t) for t in tokens], bool)
        ordinary[list(vocabulary.special)] = False
        broken = np.array([not _whole(t) for t in tokens], bool) & ordinary
        single = np.array([len(t) == 1 for t in tokens], bool)
        return cls(vocabulary, ordinary, broken, broken & single)


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token worth naming."""

    id: int
    data: bytes
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        text = self.data.decode("utf-8", "replace")
        return {"id": self.id, "text": text, "bytes": self.data.hex(), "count": self.count}


@dataclass(frozen=True)
class Coverage:
    """How a corpus uses a vocabulary.

    Attributes:
        ids: that encoding can give: special ones and gaps left out.
        used: of these, that came at least once.
        ids_for: for each of SHARES, how many of the commonest ids make up that share of all tokens.
        undecodable: ids that are no whole characters by themselves.
        longest_used: longest tokens that came, in bytes.
        longest_unused: longest that never came: what the vocabulary spends on other texts.
        commonest: ids that came most often.
        curve: (number of commonest ids, share of all tokens), for a drawing.
    """

    ids: int
    used: int
    ids_for: dict[float, int]
    undecodable: int
    longest_used: tuple[ListedToken, ...]
    longest_unused: tuple[ListedToken, ...]
    commonest: tuple[ListedToken, ...]
    curve: tuple[tuple[int, float], ...]

    @property
    def unused(self) -> int:
        """Ids that never came."""
        return self.ids - self.used

    @property
    def used_share(self) -> float:
        """Share of ids that came."""
        return self.used / self.ids if self.ids else 0.0

    @classmethod
    def of(cls, kinds: TokenKinds, counts: npt.NDArray[np.int64]) -> Self:
        """Compute it from the number of times that each id came."""
        sorted_counts = np.sort(counts)[::-1]
        sums = np.cumsum(sorted_counts)
        total = int(sums[-1]) if len(sums) else 0
        used = counts > 0
        lengths = np.array([len(t) for t in kinds.vocabulary.token_bytes], np.int64)

        def listed(by: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> tuple[Any, ...]:
            ids = np.flatnonzero(mask)
            best = ids[np.lexsort((ids, -by[ids]))][:_LISTED]
            tokens = kinds.vocabulary.token_bytes
            return tuple(ListedToken(int(i), tokens[i], int(counts[i])) for i in best)

        return cls(
            ids=int(kinds.ordinary.sum()),
            used=int((used & kinds.ordinary).sum()),
            ids_for={s: int(np.searchsorted(sums, s * total)) + 1 if total else 0 for s in SHARES},
            undecodable=int(kinds.broken.sum()),
            longest_used=listed(lengths, used & kinds.ordinary),
            longest_unused=listed(lengths, ~used & kinds.ordinary),
            commonest=listed(counts, used),
            curve=_curve(sums, total),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        body = asdict(self)
        for name in ("longest_used", "longest_unused", "commonest"):
            body[name] = [token.to_dict() for token in getattr(self, name)]
        body["ids_for"] = {f"{share:g}": n for share, n in self.ids_for.items()}
        return body | {"unused": self.unused, "used_share": self.used_share}


def _whole(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def _curve(sums: npt.NDArray[np.int64], total: int) -> tuple[tuple[int, float], ...]:
    if not total:
        return ()
    places = np.unique(np.geomspace(1, len(sums), _POINTS).round().astype(np.int64))
    return tuple((int(n), float(sums[n - 1] / total)) for n in places)
