"""Array types and the few integer tricks that all of deduplication shares."""

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: 2⁶⁴ / golden ratio, odd: the multiplier of polynomial hashes.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: U64) -> U64:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection, all bits spread."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def look_up(values: U64, chosen: U64) -> tuple[Index, Flags]:
    """Return where in a sorted array each value stands, and whether it does.

    For few values and many chosen: nothing is sorted. Where a value does not stand, the place is
    none to use.
    """
    if not len(chosen):
        return np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(chosen, values), len(chosen) - 1)
    return at, chosen[at] == values


def among(values: U64, chosen: U64) -> Flags:
    """Tell which values are in a sorted array."""
    return look_up(values, chosen)[1]


def part_of(values: U64, parts: int) -> Index:
    """Return which of ``parts`` equal ranges of 64-bit numbers each value falls into."""
    top = values >> np.uint64(32)
    return ((top * np.uint64(parts)) >> np.uint64(32)).astype(np.int64)


def run_starts(*columns: U64) -> Index:
    """Return where runs of equal rows begin; columns of the same length, equal rows together."""
    n = len(columns[0])
    if n == 0:
        return np.zeros(0, np.int64)
    changed = np.zeros(n, np.bool_)
    changed[0] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)


def distinct_rows(rows: U64, first: int, second: int) -> U64:
    """Return rows (n, …) sorted by two columns, one of those that are equal in both."""
    rows = rows[np.lexsort((rows[:, second], rows[:, first]))]
    return rows[run_starts(rows[:, first], rows[:, second])]


def take_runs(starts: Index, lengths: Index) -> Index:
    """Return the positions of several runs, one after the other.

    >>> take_runs(np.array([10, 3]), np.array([2, 1])).tolist()
    [10, 11, 3]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)
