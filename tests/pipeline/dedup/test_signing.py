"""Signatures of one shard."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.dedup import signing
from gristmill.pipeline.dedup.clusters import ranks
from gristmill.pipeline.dedup.signature import Family, Shingler, distinct_sets
from gristmill.pipeline.dedup.signing import SignShard
from gristmill.pipeline.dedup.tables import SETS
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key

_TEXTS = ["one two three four", "short", "two three four five six", ""]


def _sign(run, save: bool = False, family: Family = Family(3, 2)) -> None:  # noqa: B008 (frozen)
    work = SignShard(run.view, Shingler(3), family, None, save)
    execute(run.folder, [Round("near.signatures", work)], LocalRunner())


@pytest.mark.parametrize("group", [1, 1 << 16])
def test_one_column_a_band_documents_in_order(lay, monkeypatch, group: int) -> None:
    monkeypatch.setattr(signing, "_GROUP_DOCS", group)
    run = lay([_TEXTS, [], ["nothing long"]])
    _sign(run)
    files = run.folder.outputs("near.signatures", ".signatures.parquet")
    table = pq.read_table(files[0])
    assert table.schema.names == ["key", "rank", "band_000", "band_001", "band_002"]
    assert set(table.schema.types) == {pa.uint64()}
    assert table["key"].to_pylist() == [make_key(0, 0), make_key(0, 2)]
    lengths = np.array([len(_TEXTS[0]), len(_TEXTS[2])])
    assert table["rank"].to_pylist() == ranks(lengths).tolist()
    hashes, counts = Shingler(3)([_TEXTS[0], _TEXTS[2]])
    bands = [column.to_pylist() for column in table.columns[2:]]
    assert bands == Family(3, 2).band_keys(hashes, counts).tolist()
    assert [pq.read_table(file).num_rows for file in files] == [2, 0, 0]
    assert run.facts("near.signatures") == [
        {"keys": [make_key(0, 0), make_key(0, 2)], "shingles": 2 + 3},
        {"keys": [], "shingles": 0},
        {"keys": [], "shingles": 0},
    ]


@pytest.mark.parametrize("group", [1, 1 << 24])
def test_shingles_are_saved_where_asked(lay, monkeypatch, group: int) -> None:
    monkeypatch.setattr(signing, "_GROUP_SHINGLES", group)
    run = lay([_TEXTS])
    _sign(run, save=True)
    (path,) = run.folder.outputs("near.signatures", ".shingles.parquet")
    table = pq.read_table(path)
    assert table.schema == SETS
    assert table["key"].to_pylist() == [make_key(0, 0), make_key(0, 2)]
    expected = distinct_sets(*Shingler(3)([_TEXTS[0], _TEXTS[2]]))
    assert table["shingles"].to_pylist() == [s.tolist() for s in expected]
    assert table["size"].to_pylist() == [2, 3]
