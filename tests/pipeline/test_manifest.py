"""Counts that add up, manifests that compare byte for byte."""

import pytest
from pydantic import ValidationError

from gristmill.errors import ShardError
from gristmill.pipeline.manifest import Manifest, OutputFile, StageCount, merge_counts


def count(name: str, docs_in: int, docs_out: int, **drops: int) -> StageCount:
    return StageCount(name=name, docs_in=docs_in, docs_out=docs_out, drops=drops)


def test_a_stage_that_does_not_add_up_is_refused() -> None:
    count("a", 3, 2, short=1).check("here")
    with pytest.raises(ShardError, match="here: stage a does not add up: 3 in, 2 out, 0 dropped"):
        count("a", 3, 2).check("here")


def test_counts_add_up_over_shards_in_stage_order() -> None:
    merged = merge_counts(
        [count("b", 2, 1, x=1), count("a", 1, 1), count("b", 3, 0, x=1, y=2), count("a", 0, 0)]
    )
    assert merged == [count("b", 5, 1, x=2, y=2), count("a", 1, 1)]


def test_json_is_canonical_and_comes_back() -> None:
    one = Manifest(
        run_id="r", round="a", task=3, flags={"b": 1, "a": 2},
        outputs=(OutputFile(path="a/00003.x", bytes=1, sha256="0"),),
    )  # fmt: skip
    two = one.model_copy(update={"flags": {"a": 2, "b": 1}})
    assert one.to_json() == two.to_json()
    assert Manifest.model_validate_json(one.to_json()) == one


def test_an_output_is_found_by_its_ending() -> None:
    made = Manifest(
        run_id="r", round="a", task=0, outputs=(OutputFile(path="a/0.bin", bytes=1, sha256="0"),)
    )
    assert made.output(".bin") is not None
    assert made.output(".parquet") is None


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../b", "a/b/c", "a/.b", ""])
def test_outputs_lie_in_the_run_folder(path: str) -> None:
    with pytest.raises(ValidationError):
        OutputFile(path=path, bytes=1, sha256="0")
