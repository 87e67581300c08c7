"""How a vocabulary is used."""

import numpy as np
import pytest

from gristmill.tokenize.coverage import Coverage, TokenKinds
from gristmill.tokenize.formats.vocab import Vocabulary

#: Whole, whole, half a character, one byte of one, left out, special, never used.
TOKENS = (b"a", "물".encode(), b"\xeb\xac", b"\xbc", b"", b"<|end|>", b"longest")


def kinds() -> TokenKinds:
    return TokenKinds.of(Vocabulary(TOKENS, frozenset({5})))


def test_kinds() -> None:
    found = kinds()
    assert np.flatnonzero(found.ordinary).tolist() == [0, 1, 2, 3, 6]
    assert np.flatnonzero(found.broken).tolist() == [2, 3]
    assert np.flatnonzero(found.fallback).tolist() == [3]


def test_coverage() -> None:
    found = Coverage.of(kinds(), np.array([90, 5, 4, 1, 0, 0, 0]))
    assert (found.ids, found.used, found.unused, found.undecodable) == (5, 4, 1, 2)
    assert found.used_share == pytest.approx(0.8)
    assert found.ids_for == {0.5: 1, 0.9: 1, 0.99: 3}
    assert [t.id for t in found.longest_used] == [1, 2, 0, 3]
    assert [(t.id, t.data, t.count) for t in found.longest_unused] == [(6, b"longest", 0)]
    assert [t.id for t in found.commonest] == [0, 1, 2, 3]
    assert found.curve[0] == (1, pytest.approx(0.9))
    assert found.curve[-1] == (7, pytest.approx(1.0))
    body = found.to_dict()
    assert body["ids_for"] == {"0.5": 1, "0.9": 1, "0.99": 3}
    assert body["longest_used"][0] == {"id": 1, "text": "물", "bytes": "ebacbc", "count": 5}


def test_nothing_counted() -> None:
    found = Coverage.of(kinds(), np.zeros(7, np.int64))
    assert (found.used, found.curve, found.ids_for[0.5]) == (0, (), 0)
