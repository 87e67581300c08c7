"""Local and Dask runners pass the same tests."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import IncompleteError, ShardError, TransientError
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Round, Tick
from gristmill.pipeline.run import (
    LocalRunner,
    Runner,
    TaskFailure,
    TaskResult,
    Watch,
    execute,
    run_task,
)
from gristmill.pipeline.shard import Draft, RunFolder

Trouble = Mapping[int, str]


@dataclass(frozen=True)
class Squares:
    """Writes the square of its task number, unless there is trouble."""

    tasks: int
    trouble: tuple[tuple[int, str], ...] = ()

    def count(self, folder: RunFolder) -> int:
        return self.tasks

    def __call__(self, draft: Draft, tick: Tick) -> None:
        kind = dict(self.trouble).get(draft.task)
        marks = draft.folder.root / f"attempts-{draft.task}"
        attempts = int(marks.read_text()) if marks.exists() else 0
        marks.write_text(str(attempts + 1))
        if kind == "shard":
            raise ShardError(f"task {draft.task} is bad; mend it")
        if kind == "once" and attempts == 0:
            raise TransientError("try again")
        if kind == "bug":
            raise ZeroDivisionError("a bug")
        draft.numbered("txt").write_text(str(draft.task**2))
        draft.stages = [StageCount(name="squares", docs_in=1, docs_out=1)]
        time.sleep(0.01)
        tick({"docs_in": 1})


@pytest.fixture(params=["local", "dask"])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "dask":
        return request.getfixturevalue("dask_runner")  # type: ignore[no-any-return]
    return LocalRunner()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.pipeline.run._BACKOFF_SECONDS", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "out", "run")


@pytest.fixture(autouse=True)
def _root(folder: RunFolder) -> None:
    folder.root.mkdir()


class Record(Watch):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_round(self, name: str, total: int, done: int) -> None:
        self.told.append((name, total, done))

    def on_result(self, result: TaskResult | TaskFailure) -> None:
        self.told.append(result.task)


def test_all_tasks_of_all_rounds_are_done(folder: RunFolder, runner: Runner) -> None:
    watch = Record()
    execute(folder, [Round("a", Squares(5)), Round("b", Squares(2))], runner, watch)
    assert [p.read_text() for p in folder.outputs("a", ".txt")] == ["0", "1", "4", "9", "16"]
    assert [t for t in watch.told if isinstance(t, tuple)] == [("a", 5, 0), ("b", 2, 0)]
    assert sorted(t for t in watch.told if isinstance(t, int)) == [0, 0, 1, 1, 2, 3, 4]
    assert {record["round"] for record in folder.logs()} == {"a", "b"}


def test_a_bad_shard_does_not_stop_the_others(folder: RunFolder, runner: Runner) -> None:
    rounds = [Round("a", Squares(4, ((1, "shard"), (2, "shard")))), Round("b", Squares(1))]
    with pytest.raises(
        ShardError, match=r"a: 2 of 4 shards failed \(number 1, 2\); first: task 1 is bad"
    ):
        execute(folder, rounds, runner)
    assert folder.manifest("a", 0) is not None
    assert folder.manifest("a", 3) is not None
    assert not folder.sealed("a")
    assert folder.manifest("b", 0) is None


def test_running_again_does_only_what_is_missing(folder: RunFolder, runner: Runner) -> None:
    with pytest.raises(ShardError):
        execute(folder, [Round("a", Squares(3, ((1, "shard"),)))], runner)
    watch = Record()
    execute(folder, [Round("a", Squares(3))], runner, watch)
    assert watch.told == [("a", 3, 2), 1]
    execute(folder, [Round("a", Squares(3))], runner, watch := Record())
    assert watch.told == [("a", 3, 3)]


def test_what_may_pass_is_tried_again(folder: RunFolder, runner: Runner) -> None:
    execute(folder, [Round("a", Squares(2, ((0, "once"),)))], runner)
    assert (folder.root / "attempts-0").read_text() == "2"
    assert folder.sealed("a")


def test_a_bug_costs_its_shard_and_not_the_run(folder: RunFolder, runner: Runner) -> None:
    with pytest.raises(ShardError, match=r"1 of 3 .* unexpected ZeroDivisionError: a bug") as error:
        execute(folder, [Round("a", Squares(3, ((0, "bug"),)))], runner)
    assert folder.manifest("a", 1) is not None
    assert folder.manifest("a", 2) is not None
    assert "ZeroDivisionError" in (folder.root / "log/a/00000.traceback.txt").read_text()
    assert "00000.traceback.txt" in str(error.value)
    assert not list((folder.root / ".tmp").glob("*"))


def test_a_round_of_no_tasks_is_sealed(folder: RunFolder, runner: Runner) -> None:
    execute(folder, [Round("a", Squares(0))], runner)
    assert folder.manifests("a") == []


def test_a_task_done_meanwhile_is_not_done_again(folder: RunFolder) -> None:
    one = run_task(folder, Round("a", Squares(1)), 0, lambda _: None)
    two = run_task(folder, Round("a", Squares(1)), 0, lambda _: None)
    assert one == two
    assert (folder.root / "attempts-0").read_text() == "1"


def test_quarantined_shards_make_a_run_incomplete(folder: RunFolder) -> None:
    class Killing(LocalRunner):
        def map(self, *_: Any) -> Iterator[TaskResult | TaskFailure]:
            yield TaskFailure(0, "its worker was killed", killed=True)

    with pytest.raises(IncompleteError, match="run again to retry") as caught:
        execute(folder, [Round("a", Squares(1))], Killing())
    assert caught.value.exit_code == 3


def test_a_full_disk_fails_the_shard_with_its_reason(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Callable[..., Any]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gristmill.pipeline.shard.sync_and_hash", full)
    result = run_task(folder, Round("a", Squares(1)), 0, lambda _: None)
    assert isinstance(result, TaskFailure)
    assert "No space left" in result.message
    assert folder.manifest("a", 0) is None
