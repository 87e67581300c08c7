"""The plan of all token files."""

import itertools

import pytest

from gristmill.pipeline.rounds import Round, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.tokenize import plan_files
from gristmill.tokenize.encode_group import ENCODE, EncodeGroup
from gristmill.tokenize.plan_files import ORDER, OrderDocuments
from gristmill.tokenize.source import TokenizerSource

TEXTS = [[f"sack {n} of rye, ground by the mill" for n in range(k, 60, 2)] for k in range(2)]


def plan(lay, bpe, layout: str, target: int, val: float = 0.2) -> dict:
    folder = lay(TEXTS)
    work = EncodeGroup(
        View("documents"), TokenizerSource(str(bpe("gpt4"))), 1, copies=None, cluster=None,
        dtype="auto",
    )  # fmt: skip
    rounds = [Round(ENCODE, work), Round(ORDER, OrderDocuments(layout, val, target))]
    execute(folder, rounds, LocalRunner())
    (encoded,), (order,) = folder.manifests(ENCODE), folder.manifests(ORDER)
    files = order.facts["files"]
    assert sum(f["docs"] for f in files) == 60
    assert sum(f["tokens"] for f in files) == encoded.output("tokens.raw").tokens + 60
    return order.facts


def test_files_keep_to_the_target_and_are_numbered_in_each_split(lay, bpe) -> None:
    files = plan(lay, bpe, "llmc", 300)["files"]
    assert all(f["tokens"] <= 300 for f in files)
    for split in ("train", "val"):
        stems = [f["stem"] for f in files if f["split"] == split]
        assert stems == [f"{split}_{n:06d}" for n in range(len(stems))]
        assert stems


def test_a_format_of_one_file_has_one_a_split(lay, bpe) -> None:
    assert [f["stem"] for f in plan(lay, bpe, "nanogpt", 300)["files"]] == ["train", "val"]
    assert [f["stem"] for f in plan(lay, bpe, "nanogpt", 300, val=0)["files"]] == ["train"]


@pytest.mark.parametrize("chunk", [1, 100, 10**6])
def test_a_file_is_read_in_ranges_of_bounded_size(lay, bpe, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr(plan_files, "_CHUNK", chunk)
    monkeypatch.setattr(plan_files, "_DOC_TOKENS", 0)
    facts = plan(lay, bpe, "llmc", 300)
    whole = [(f["ranges"][0][0], f["ranges"][-1][1]) for f in facts["files"]]
    assert whole == sorted(whole) or len({f["split"] for f in facts["files"]}) == 2
    for file in facts["files"]:
        ranges = file["ranges"]
        assert all(a < b for a, b in ranges)
        assert all(end <= first for (_, end), (first, _) in itertools.pairwise(ranges))
        assert (len(ranges) == 1) == (file["tokens"] <= chunk or file["docs"] == 1)


def test_the_limit_is_whole(lay, bpe) -> None:
    assert int(plan(lay, bpe, "llmc", 300)["val_limit"], 16) == int(0.2 * 2**64)
