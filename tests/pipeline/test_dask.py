"""Clusters: made, joined, refused; and workers that die."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from gristmill.errors import ConfigError, IncompleteError
from gristmill.pipeline import dask
from gristmill.pipeline.dask import open_runner
from gristmill.pipeline.rounds import Round, Tick
from gristmill.pipeline.run import TaskFailure, TaskResult, Watch, execute
from gristmill.pipeline.shard import Draft, RunFolder


@dataclass(frozen=True)
class Chores:
    """Writes its number; ``deadly`` tasks kill their worker, ``slow`` ones wait for a file."""

    tasks: int
    deadly: tuple[int, ...] = ()
    slow: tuple[int, ...] = ()

    def count(self, folder: RunFolder) -> int:
        return self.tasks

    def __call__(self, draft: Draft, tick: Tick) -> None:
        if draft.task in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if draft.task in self.slow:
            begun = draft.folder.root / f"begun-{draft.task}"
            again = begun.exists()
            begun.write_text(str(os.getpid()))
            if not again:
                time.sleep(600)
        tick({"docs_in": 1})
        draft.numbered("txt").write_text(str(draft.task))


class Outcomes(Watch):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.results: dict[int, TaskResult | TaskFailure] = {}

    def on_result(self, result: TaskResult | TaskFailure) -> None:
        assert result.task not in self.results
        self.results[result.task] = result


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "out").mkdir()
    return RunFolder(tmp_path / "out", "run")


@pytest.fixture(autouse=True)
def _no_orphans() -> Iterator[None]:
    """Every process that a test starts must be gone when its block ends."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    left = {p for p in left if "resource_tracker" not in " ".join(p.cmdline())}
    _, alive = psutil.wait_procs(left, timeout=10)
    assert [p.cmdline() for p in alive] == []


def cluster_file(folder: Path, body: str) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(body)
    return path


def test_a_cluster_file_that_names_a_cluster_works(tmp_path: Path, folder: RunFolder) -> None:
    path = cluster_file(
        tmp_path,
        "cluster: distributed.LocalCluster\n"
        "arguments: {n_workers: 0, threads_per_worker: 1, dashboard_address: null, host: 127.0.0.1}"
        "\nworkers: 1\n",
    )
    with open_runner(workers=7, cluster_file=path) as runner:
        assert runner.workers == 1
        execute(folder, [Round("r", Chores(2))], runner)
    assert len(folder.manifests("r")) == 2


def test_a_running_scheduler_can_be_joined(dask_runner: Any, folder: RunFolder) -> None:
    address = dask_runner.client.scheduler_info()["address"]
    with open_runner(workers=0, scheduler=address) as runner:
        assert runner.workers == 2
        execute(folder, [Round("r", Chores(3))], runner)
    assert len(folder.manifests("r")) == 3
    assert dask_runner.workers == 2, "leaving must not stop the cluster of others"


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 1)
    with pytest.raises(ConfigError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        with open_runner(workers=1, scheduler="tcp://127.0.0.1:9"):
            pass
    with pytest.raises(ConfigError, match="no such scheduler file"):
        with open_runner(workers=1, scheduler_file=tmp_path / "none.json"):
            pass


def test_a_cluster_without_workers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "_FIRST_WORKER_SECONDS", 1)
    path = cluster_file(
        tmp_path,
        "cluster: distributed.LocalCluster\n"
        "arguments: {n_workers: 0, dashboard_address: null, host: 127.0.0.1}",
    )
    with pytest.raises(ConfigError, match="no Dask worker came within 1 s"):
        with open_runner(workers=1, cluster_file=path):
            pass


def test_workers_with_other_versions_are_refused(
    dask_runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "installed_versions", lambda: {"numpy": "0.1"})
    client = dask_runner.client
    monkeypatch.setattr(client, "run", lambda _: {"tcp://w": {"numpy": "2.0"}})
    with pytest.raises(ConfigError, match=r"worker tcp://w .*numpy 2\.0 there, 0\.1 here"):
        dask._same_versions(client)


def test_a_task_that_kills_its_workers_is_quarantined_and_the_others_finish(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dask.SETTINGS, "distributed.scheduler.allowed-failures", 1)
    watch = Outcomes()
    with open_runner(workers=2) as runner:
        with pytest.raises(IncompleteError, match=r"1 of 9 .*number 4\).*run again") as err:
            execute(folder, [Round("r", Chores(9, deadly=(4,)))], runner, watch)
    assert err.value.exit_code == 3
    assert isinstance(failure := watch.results.pop(4), TaskFailure)
    assert failure.killed
    assert set(watch.results) == set(range(9)) - {4}
    assert all(folder.manifest("r", k) is not None for k in watch.results)
    assert not folder.sealed("r")


def test_a_worker_killed_once_costs_nothing_but_time(folder: RunFolder) -> None:
    class Killer(Watch):
        def on_result(self, result: TaskResult | TaskFailure) -> None:
            begun = folder.root / "begun-0"
            while result.task == 1 and not begun.exists():
                time.sleep(0.05)
            if result.task == 1:
                os.kill(int(begun.read_text()), signal.SIGKILL)

    with open_runner(workers=2) as runner:
        execute(folder, [Round("r", Chores(6, slow=(0,)))], runner, Killer())
    assert [m.task for m in folder.manifests("r")] == list(range(6))


def test_no_more_futures_in_flight_than_allowed(dask_runner: Any) -> None:
    flying, most = 0, 0

    def submit(task: int) -> Any:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        return dask_runner.client.submit(int, task, pure=False)

    seen = []
    for future in dask_runner.each(range(12), submit, at_once=3):
        flying -= 1
        seen.append(future.result())
    assert sorted(seen) == list(range(12))
    assert most == 3
