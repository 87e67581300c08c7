import contextlib

import numpy as np
import pytest

from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.shard_source import Documents
from gristmill.tokenize.split_writer import SplitWriter, Target, with_eot

LENGTHS = np.ones(10, np.int64)


def documents(*docs):
    lengths = np.array([len(d) for d in docs], np.int64)
    return Documents(np.array([t for d in docs for t in d], np.uint16), lengths, lengths + 1)


@pytest.mark.parametrize(
    ("place", "expected"),
    [("before", [0, 1, 2, 0, 0, 3]), ("after", [1, 2, 0, 0, 3, 0])],
)
def test_one_end_of_text_a_document(place, expected):
    tokens, sizes = with_eot(documents([1, 2], [], [3]), 0, place, np.dtype("<u4"))
    assert tokens.tolist() == expected
    assert tokens.dtype == np.uint32
    assert sizes.tolist() == [3, 1, 2]


def test_files_are_closed_by_the_document_that_would_pass_the_target(tmp_path):
    target = Target("llmc", np.dtype("<u2"), target_tokens=4)
    with SplitWriter(target, tmp_path, "train", 0, LENGTHS) as out:
        assert out.add(documents([1, 2], [], [3], [1, 2, 3, 4, 5], [6]), None) == 9
        out.cut()
        out.cut()  # no empty file
    counts = [(e["path"], e["tokens"], e["docs"], e["bytes"]) for e in out.entries]
    assert counts == [
        ("train_000000.bin", 4, 2, 2),
        ("train_000001.bin", 2, 1, 1),
        ("train_000002.bin", 6, 1, 5),
        ("train_000003.bin", 2, 1, 1),
    ]


@pytest.mark.parametrize("name", list(FORMATS))
def test_an_exception_leaves_no_file(tmp_path, name):
    out = SplitWriter(Target(name, np.dtype("<u2")), tmp_path, "train", 0, LENGTHS)
    with contextlib.suppress(RuntimeError), out:
        out.add(documents([1, 2]), None)
        raise RuntimeError
    assert not list(tmp_path.iterdir())
