"""The funnel with other thresholds: segment by segment, up to the barrier."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import CorruptError, IncompleteError
from gristmill.pipeline.dedup.exact import ExactDedup
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.report import make_report
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.whatif.fate import KEPT, Fate
from gristmill.pipeline.whatif.foresee import foresee, recount

DOCS = ["a", "abc", "abc", "abcd", "abcdefgh", "abcdefghij", "x" * 20]


def made_of(
    make_run: Any, families: Any, paths: list[Path], out: Path, early: Any, late: Any = None
) -> Any:
    """Family ``a``, then exact deduplication, then family ``c``."""
    stages = [
        ("a", families["a"](**early)),
        ("exact_dedup", ExactDedup()),
        ("c", families["c"](**(late or {}))),
    ]
    return make_run(paths, stages, out=str(out))


@pytest.fixture
def runs(
    make_run: Any, families: Any, write_docs: Callable[..., list[Path]], tmp_path: Path
) -> Callable[..., Any]:
    paths = write_docs(DOCS)

    def run(early: Any, late: Any = None, *, finish: bool = True) -> Any:
        out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        folder, rounds = made_of(make_run, families, paths, out, early, late)
        if finish:
            execute(folder, rounds, LocalRunner())
        return folder, rounds

    return run


def test_up_to_the_barrier_and_no_further(runs: Callable[..., Any]) -> None:
    (folder, rounds), (truth, others) = runs({}), runs({"low": 4})
    found, real = foresee(folder, rounds, others), make_report(truth, others)
    assert found.old == make_report(folder, rounds).stages
    assert found.new == (*real.stages[:2], None, None)
    assert found.not_foreseen == ["exact_dedup", "c"]
    assert found.changes == {"a.low": (2, 4)}
    assert found.documents == {
        "newly_kept": 0, "newly_dropped": 2, "unforeseen": 0, "other_reason": 0
    }  # fmt: skip
    assert [note.partition(";")[0] for note in found.notes] == ["not foreseen: exact_dedup, c"]


def test_where_no_document_changes_sides_all_old_figures_stand(runs: Callable[..., Any]) -> None:
    folder, rounds = runs({})
    for early in ({}, {"low": 2}, {"high": 15}):
        truth, others = runs(early)
        found = foresee(folder, rounds, others)
        assert found.new == found.old == make_report(truth, others).stages
        assert found.not_foreseen == []
        assert found.notes == ()


def test_a_change_behind_the_barrier_only(runs: Callable[..., Any]) -> None:
    (folder, rounds), (truth, others) = runs({}), runs({}, {"low": 4, "high": 8})
    found = foresee(folder, rounds, others)
    assert found.new == make_report(truth, others).stages != found.old
    assert found.documents["newly_dropped"] == 2


def test_the_json_tells_what_is_exact(runs: Callable[..., Any]) -> None:
    (folder, rounds), (_, others) = runs({}), runs({"low": 4})
    body = json.loads(json.dumps(foresee(folder, rounds, others, 1).to_dict()))
    assert body["changes"] == {"a.low": {"old": 2, "new": 4}}
    assert [(s["name"], s["exact"], s["unforeseen"]) for s in body["stages"]] == [
        ("read", True, 0), ("a", True, 0), ("exact_dedup", False, None), ("c", False, None)
    ]  # fmt: skip
    assert body["stages"][1]["old"] == {
        "docs_in": 7,
        "docs_out": 5,
        "drops": {"short": 1, "long": 1},
    }
    assert body["stages"][1]["new"] == {
        "docs_in": 7,
        "docs_out": 3,
        "drops": {"short": 3, "long": 1},
    }
    assert body["stages"][2]["new"] is None
    assert body["not_foreseen"] == ["exact_dedup", "c"]
    assert [(e["old"], e["new"], e["signals"]) for e in body["examples"]] == [
        ("kept", "a: short", {"a.size": 3})
    ]


def test_what_has_not_run_cannot_be_judged_again(runs: Callable[..., Any]) -> None:
    (folder, rounds), (_, others) = runs({}, finish=False), runs({"low": 4}, finish=False)
    with pytest.raises(IncompleteError, match="curate is not finished"):
        foresee(folder, rounds, others)
    assert foresee(folder, rounds, rounds).old == ()
    execute(folder, rounds[:1], LocalRunner())
    found = foresee(folder, rounds, others)
    assert [count.name for count in found.old] == ["read", "a"]
    assert found.documents["newly_dropped"] == 2


def test_recount_keeps_the_law() -> None:
    stages = [
        StageCount(name="a", docs_in=10, docs_out=7, drops={"x": 3}),
        StageCount(name="b", docs_in=7, docs_out=7),
    ]
    moves = Counter(
        {(Fate("a", "x"), Fate("b")): 1, (Fate("a", "x"), KEPT): 2, (KEPT, Fate("b", "y")): 3}
    )
    assert recount(stages, moves) == [
        StageCount(name="a", docs_in=10, docs_out=10),
        StageCount(name="b", docs_in=10, docs_out=6, drops={"y": 3}),  # and one unforeseen
    ]
    assert recount(stages, Counter()) == stages


@pytest.mark.parametrize(("keep", "remedy"), [("ids", True), ("excerpt", True), ("text", False)])
def test_unforeseen_documents_are_counted_and_the_remedy_named(
    trial_run: Callable[..., Any], write_docs: Callable[..., list[Path]], keep: str, remedy: bool
) -> None:
    paths = write_docs(["abc", "z" * 600])
    free = {"b": {"high": None}, "c": {"high": None}}
    folder, rounds = trial_run(paths, free, keep)
    _, others = trial_run(paths, free | {"a": {"high": None}}, keep)
    found = foresee(folder, rounds, others)
    assert found.unforeseen == ({"b": 1} if remedy else {})
    assert found.documents["newly_kept"] == (0 if remedy else 1)
    stages = {s["name"]: s for s in found.to_dict()["stages"]}
    assert stages["b"]["new"]["docs_in"] == 2
    assert stages["b"]["exact"] is not remedy
    assert [n for n in found.notes if "keep_rejected: text" in n] == (
        [f"unforeseen: 1 documents would now reach b; keep_rejected is {keep}, so their text is "
         "not stored in full; a run with keep_rejected: text can tell"] if remedy else []
    )  # fmt: skip


def test_a_shard_of_another_size_is_not_trusted(runs: Callable[..., Any]) -> None:
    (folder, rounds), (_, others) = runs({}), runs({"low": 4}, finish=False)
    path = folder.file(rounds[0].name, 0, "rejected.parquet")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CorruptError, match=r"rejected.parquet: \d+ bytes, promised \d+; delete"):
        foresee(folder, rounds, others)
