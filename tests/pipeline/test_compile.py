"""How stages become rounds."""

import pytest

from gristmill.errors import ConfigError
from gristmill.pipeline.compile import compile_rounds
from gristmill.pipeline.dataset.stage import WriteDataset
from gristmill.pipeline.dedup.exact import ExactDedup
from gristmill.pipeline.dedup.minhash import MinhashDedup
from gristmill.pipeline.dedup.spans import SpanDedup
from gristmill.pipeline.rounds import DropList, Round, View
from gristmill.pipeline.schema import DOCUMENT, PAGE
from gristmill.pipeline.segment import Segment
from gristmill.pipeline.source import Read

EXACT, NEAR = ("exact_dedup", ExactDedup()), ("minhash_dedup", MinhashDedup())


def names(rounds: list[Round]) -> list[str]:
    return [round_.name for round_ in rounds]


def test_without_barriers_there_is_one_segment() -> None:
    assert names(compile_rounds([], [], DOCUMENT)) == ["documents"]


def test_barriers_in_a_row_share_a_segment_and_are_applied_once() -> None:
    rounds = compile_rounds([EXACT, NEAR], [], DOCUMENT)
    assert names(rounds) == [
        "curate",
        "exact_dedup.hashes",
        "exact_dedup.ranges",
        "exact_dedup.clusters",
        "minhash_dedup.signatures",
        "minhash_dedup.bands",
        "minhash_dedup.groups",
        "minhash_dedup.sets",
        "minhash_dedup.edges",
        "minhash_dedup.first",
        "minhash_dedup.again",
        "minhash_dedup.clusters",
        "documents",
    ]
    last = rounds[-1].work
    assert isinstance(last, Segment)
    assert [step.stage for step in last.steps] == ["exact_dedup", "minhash_dedup"]
    assert all(isinstance(step.run, DropList) for step in last.steps)
    signatures = rounds[4].work
    assert [drop.stage for drop in signatures.view.drops] == ["exact_dedup"]  # type: ignore[attr-defined]


def test_work_between_barriers_makes_a_segment_of_its_own() -> None:
    between = ("again", Read())
    rounds = compile_rounds([EXACT, between, NEAR], [], DOCUMENT)
    assert [n for n in names(rounds) if "." not in n] == ["curate", "curate-4", "documents"]


def test_verification_can_be_left_out() -> None:
    rounds = compile_rounds([("minhash_dedup", MinhashDedup(verify=None))], [], DOCUMENT)
    assert "minhash_dedup.edges" not in names(rounds)


def test_a_stage_may_stand_once() -> None:
    with pytest.raises(ConfigError, match="exact_dedup stands twice"):
        compile_rounds([EXACT, EXACT], [], DOCUMENT)


def test_a_barrier_needs_text_too() -> None:
    with pytest.raises(ConfigError, match="exact_dedup needs column text"):
        compile_rounds([EXACT], [], PAGE)


def test_an_outcome_that_changes_texts_is_written_before_the_next_barrier() -> None:
    rounds = compile_rounds([EXACT, ("span_dedup", SpanDedup()), NEAR], [], DOCUMENT)
    segments = [round_ for round_ in rounds if isinstance(round_.work, Segment)]
    assert [round_.name for round_ in segments] == ["curate", "curate-8", "documents"]
    steps = [[step.stage for step in round_.work.steps] for round_ in segments]
    assert steps == [["read"], ["exact_dedup", "span_dedup"], ["minhash_dedup"]]
    assert [drop.stage for drop in rounds[4].work.view.drops] == ["exact_dedup"]
    assert rounds[9].work.view == View("curate-8")


def test_what_follows_the_documents_knows_what_made_them() -> None:
    rounds = compile_rounds([EXACT], [("dataset", WriteDataset())], DOCUMENT)
    made = names(rounds).index("documents")
    assert names(rounds)[made + 1] == "dataset_layout.measure"
    assert rounds[made + 1].work.view == View("documents", earlier=tuple(names(rounds)[:made]))
