"""Judging again from stored signals gives what a new run gives, document by document."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, CorruptError
from gristmill.pipeline import segment, sink
from gristmill.pipeline.segment import Segment, Step
from gristmill.pipeline.whatif import retrial
from gristmill.pipeline.whatif.fate import KEPT, Fate
from gristmill.pipeline.whatif.retrial import Retrial

LIMITS = st.fixed_dictionaries(
    {name: st.none() | st.integers(0, 15) for name in ("low", "high")}
)  # fmt: skip
PARAMETERS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys("abc", LIMITS)
)  # fmt: skip
TEXTS = st.lists(st.text("ab", max_size=18) | st.just({"id": "x"}), min_size=1, max_size=40)


def again(made: Any, other: Any, examples: int = 5) -> Retrial:
    (folder, rounds), (_, new) = made, other
    trial = Retrial(rounds[0].work, new[0].work, examples)
    for manifest in folder.manifests(rounds[0].name):
        files = [folder.file(rounds[0].name, manifest.task, f"{w}.parquet")
                 for w in ("kept", "rejected")]  # fmt: skip
        trial.shard(*files)
    return trial


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    one=TEXTS,
    two=TEXTS,
    old=PARAMETERS,
    new=PARAMETERS,
    keep=st.sampled_from(["text", "text", "excerpt", "ids"]),
)
def test_it_equals_a_new_run(
    write_docs: Callable[..., list[Path]],
    trial_run: Callable[..., Any],
    moved: Callable[..., Counter[Any]],
    one: list[Any],
    two: list[Any],
    old: dict[str, Any],
    new: dict[str, Any],
    keep: str,
) -> None:
    """Small groups of rows everywhere, so that documents lie on both sides of every border."""
    paths = write_docs(["first", *one], ["first", *two])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sink, "_GROUP_ROWS", 7)
        patch.setattr(segment, "EXCERPT", 8)
        patch.setattr(retrial, "EXCERPT", 8)
        patch.setattr(retrial, "_JUDGED_ROWS", 5)
        patch.setattr(retrial, "_MEASURED_ROWS", 3)
        made, truth = trial_run(paths, old, keep), trial_run(paths, new, keep)
        found, expected = again(made, truth).moves, moved(made, truth)
    known = Counter({move: n for move, n in found.items() if move[1].reason or move[1] == KEPT})
    assert known <= expected
    assert found.total() == expected.total()  # one that passes where it was dropped always moves
    if keep == "text":
        assert found == expected


@pytest.mark.parametrize(
    ("keep", "short", "long"),
    [("text", KEPT, KEPT), ("excerpt", KEPT, Fate("b")), ("ids", Fate("b"), Fate("b"))],
)
def test_what_is_not_stored_is_unforeseen(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any], keep: str,
    short: Fate, long: Fate,
) -> None:  # fmt: skip
    """An excerpt shorter than the limit is the whole text."""
    paths = write_docs(["x" * 100, "y" * 600])
    free = {"b": {"high": None}, "c": {"high": None}}
    made = trial_run(paths, free, keep)
    trial = again(made, trial_run(paths, free | {"a": {"high": None}}, keep))
    was = Fate("a", "long")
    assert trial.moves == Counter([(was, short), (was, long)])


def test_what_was_dropped_last_needs_no_text(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any]
) -> None:
    paths = write_docs(["abcd"])
    made = trial_run(paths, {"c": {"low": 5}}, "ids")
    trial = again(made, trial_run(paths, {"c": {"low": 1}}, "ids"))
    assert trial.moves == {(Fate("c", "short"), KEPT): 1}


def test_later_steps_get_the_text_as_it_stood(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any]
) -> None:
    """``b`` has cut two characters off before it judges: ``c`` must see four of six."""
    paths = write_docs(["abcdef"])
    made = trial_run(paths, {"b": {"low": 5}, "c": {"high": 3}})
    trial = again(made, trial_run(paths, {"b": {"low": 4}, "c": {"high": 3}}))
    assert trial.moves == {(Fate("b", "short"), Fate("c", "long")): 1}
    trial = again(made, trial_run(paths, {"b": {"low": 4}, "c": {"high": 4}}))
    assert trial.moves == {(Fate("b", "short"), KEPT): 1}


def test_examples_say_which_document_and_why(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any]
) -> None:
    docs = [{"id": f"d{i}", "url": f"https://mill.example/{i}", "text": "x" * i} for i in range(9)]
    paths = write_docs(docs)
    free = {"b": {"low": 0}, "c": {"low": 0}}
    made = trial_run(paths, free | {"a": {"low": 4}})
    trial = again(made, trial_run(paths, free | {"a": {"low": 3, "high": 6}}), examples=1)
    assert trial.moves.total() == 3
    dropped, kept = trial.examples
    assert (dropped.key, dropped.id, dropped.url) == (7, "d7", "https://mill.example/7")
    assert (dropped.old, dropped.new, dropped.stage) == (KEPT, Fate("a", "long"), "a")
    assert dropped.signals == {"a.size": 7}
    assert dropped.thresholds == {"high": (12, 6)}
    assert (kept.id, kept.old, kept.new) == ("d3", Fate("a", "short"), KEPT)
    assert kept.thresholds == {"low": (4, 3)}
    assert again(made, trial_run(paths, free | {"a": {"low": 3}}), examples=0).examples == []


def test_nothing_changed_reads_nothing(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any], tmp_path: Path
) -> None:
    _, rounds = trial_run(write_docs(["abc"]))
    trial = Retrial(rounds[0].work, rounds[0].work, 5)
    trial.shard(tmp_path / "none", tmp_path / "none")
    assert not trial.moves


def test_a_shard_that_cannot_be_read(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any]
) -> None:
    paths = write_docs(["abc"])
    folder, _ = made = trial_run(paths)
    other = trial_run(paths, {"a": {"low": 3}})
    path = folder.file("documents", 0, "rejected.parquet")
    path.write_bytes(b"damaged")
    with pytest.raises(CorruptError, match=r"00000\.rejected\.parquet: cannot be read .* verify"):
        again(made, other)


def test_a_reason_of_another_version(
    write_docs: Callable[..., list[Path]], trial_run: Callable[..., Any]
) -> None:
    paths = write_docs(["a"])
    folder, rounds = trial_run(paths)
    _, others = trial_run(paths, {"c": {"low": 3}})
    first = Segment(None, rounds[0].work.steps[3:])
    trial = Retrial(first, Segment(None, others[0].work.steps[3:]), 5)
    files = [folder.file("documents", 0, f"{w}.parquet") for w in ("kept", "rejected")]
    with pytest.raises(CorruptError, match="stage a never gives reason short"):
        trial.shard(*files)


def test_two_judges_of_one_stage_with_the_same_reason(families: dict[str, Any]) -> None:
    def steps(low: int) -> tuple[Step, ...]:
        return tuple(Step("a", s) for k in "ac" for s in families[k](low=low).steps())

    with pytest.raises(ConfigError, match="a: two of its judges give the reason short"):
        Retrial(Segment(None, steps(1)), Segment(None, steps(2)), 5)
