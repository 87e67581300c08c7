"""DaskPipelineExecutor beside LocalPipelineExecutor: same files, same statistics, same restarts.

The pipeline is datatrove's own example ``examples/fineweb.py`` on local files: filters with
exclusion writers, then the four steps of MinHash, chained by ``depends``. Left out is what needs
the network or datatrove's extras (WARC reader, URL and language filter, extractor, token counter).
"""

import gzip
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.executor.base import PipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.stats import PipelineStats

from gristmill.errors import ConfigError, ShardError
from gristmill.filters.pii.stage import Pii
from gristmill.pipeline.datatrove.executor import DaskPipelineExecutor, _run_rank
from gristmill.pipeline.datatrove.step import as_step

Make = Callable[..., Any]


def fineweb(corpus: Path, out: Path, make: Make) -> Any:
    """datatrove's example; returns the last executor of the chain."""

    def removed(name: str) -> JsonlWriter:
        return JsonlWriter(f"{out}/removed/{name}")

    base = make(
        [
            JsonlReader(str(corpus), default_metadata={"dump": "test"}),
            GopherRepetitionFilter(exclusion_writer=removed("3_gopher_rep")),
            GopherQualityFilter(exclusion_writer=removed("4_gopher_qual")),
            C4QualityFilter(filter_no_terminal_punct=False, exclusion_writer=removed("5_c4")),
            FineWebQualityFilter(exclusion_writer=removed("6_fineweb_qual")),
            JsonlWriter(f"{out}/output"),
        ],
        tasks=3,
        logging_dir=f"{out}/logs/base",
    )
    config = MinhashConfig(num_buckets=4, hashes_per_bucket=8)
    reader = JsonlReader(f"{out}/output")
    stage1 = make(
        [reader, MinhashDedupSignature(f"{out}/signatures", config=config)],
        tasks=3,
        logging_dir=f"{out}/logs/signatures",
        depends=base,
    )
    stage2 = make(
        [MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets", config=config)],
        tasks=4,
        logging_dir=f"{out}/logs/buckets",
        depends=stage1,
    )
    stage3 = make(
        [MinhashDedupCluster(f"{out}/buckets", f"{out}/remove_ids", config=config)],
        logging_dir=f"{out}/logs/clusters",
        depends=stage2,
    )
    return make(
        [
            reader,
            MinhashDedupFilter(f"{out}/remove_ids", exclusion_writer=removed("minhash")),
            JsonlWriter(f"{out}/deduplicated"),
        ],
        tasks=3,
        logging_dir=f"{out}/logs/filter",
        depends=stage3,
    )


def local(pipeline: list[Any], **arguments: Any) -> LocalPipelineExecutor:
    return LocalPipelineExecutor(pipeline, workers=1, **arguments)


@pytest.fixture
def on_dask(dask_runner: Any) -> Make:
    def make(pipeline: list[Any], **arguments: Any) -> DaskPipelineExecutor:
        return DaskPipelineExecutor(pipeline, client=dask_runner.client, **arguments)

    return make


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k != "time_stats"}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def tree(root: Path) -> dict[str, Any]:
    """All files under a folder: unpacked, statistics without times; of logs only the names."""
    files: dict[str, Any] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name, body = str(path.relative_to(root)), path.read_bytes()
        if path.suffix == ".gz":
            files[name] = gzip.decompress(body).replace(str(root).encode(), b"ROOT")
        elif path.suffix == ".log":
            files[name] = "log"
        elif path.name == "executor.json":
            files[name] = sorted(json.loads(body)["pipeline"][0])
        elif path.suffix == ".json":
            files[name] = without_times(json.loads(body.replace(str(root).encode(), b"ROOT")))
        else:
            files[name] = body
    return files


def test_their_example_gives_the_same_files_and_statistics(
    corpus: Path, tmp_path: Path, on_dask: Make
) -> None:
    expected = fineweb(corpus, tmp_path / "local", local).run()
    found = fineweb(corpus, tmp_path / "dask", on_dask).run()
    theirs, ours = tree(tmp_path / "local"), tree(tmp_path / "dask")
    assert ours.keys() == theirs.keys()
    for name, body in theirs.items():
        assert ours[name] == body, name
    assert [n for n in ours if n.startswith("removed/minhash")]
    assert len([n for n in ours if n.endswith("stats.json")]) == 5
    assert len([n for n in ours if "/completions/" in n]) == 3 + 3 + 4 + 1 + 3
    assert [s.name for s in found.stats] == [s.name for s in expected.stats]
    assert ours["logs/base/stats.json"][0]["stats"]["documents"]["total"] == 30


class Numbers(PipelineStep):
    """Yields two documents a rank; fails, waits or dies as the files of a folder tell it."""

    name = "Numbers"
    type = "TEST"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        with (self.folder / "ran").open("a") as file:
            file.write(f"{rank}\n")
        yield Document("Rye.", f"{rank}/0")
        if (self.folder / f"fail-{rank}").exists():
            raise ValueError(f"rank {rank} of {world_size} is bad")
        if (self.folder / f"die-{rank}").exists():
            (self.folder / f"die-{rank}").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        self.stat_update("seen", value=rank)
        yield Document("Oats.", f"{rank}/1")

    def ran(self) -> list[int]:
        """Which ranks ran since this was last asked."""
        path = self.folder / "ran"
        ranks = sorted(map(int, path.read_text().split())) if path.exists() else []
        path.unlink(missing_ok=True)
        return ranks


def numbers(folder: Path, make: Make, **arguments: Any) -> tuple[Numbers, PipelineExecutor]:
    folder.mkdir(exist_ok=True)
    step = Numbers(folder)
    writer = JsonlWriter(str(folder / "out"), compression=None)
    return step, make([step, writer], tasks=5, logging_dir=str(folder / "log"), **arguments)


def test_completed_ranks_are_skipped(tmp_path: Path, on_dask: Make) -> None:
    stats = {}
    for name, make in (("local", local), ("dask", on_dask)):
        step, executor = numbers(tmp_path / name, make)
        executor.run()
        assert step.ran() == [0, 1, 2, 3, 4]
        for rank in (1, 3):
            (tmp_path / name / f"log/completions/{rank:05d}").unlink()
        numbers(tmp_path / name, make)[1].run()
        assert step.ran() == [1, 3]
        stats[name] = tree(tmp_path / name)
        assert numbers(tmp_path / name, make)[1].run() is None
        assert step.ran() == []
        numbers(tmp_path / name, make, skip_completed=False)[1].run()
        assert step.ran() == [0, 1, 2, 3, 4]
    assert stats["dask"] == stats["local"]
    # Either goes on where the other stopped.
    (tmp_path / "local/log/completions/00002").unlink()
    step, executor = numbers(tmp_path / "local", on_dask)
    executor.run()
    assert step.ran() == [2]


def test_a_failing_rank_costs_itself_only(tmp_path: Path, on_dask: Make) -> None:
    step, executor = numbers(tmp_path / "x", on_dask)
    (tmp_path / "x/fail-1").touch()
    with pytest.raises(ShardError) as failed:
        executor.run()
    log = tmp_path / "x/log/logs/task_00001.log"
    assert str(failed.value) == (
        "1 of 5 ranks failed (number 1); first: ValueError: rank 1 of 5 is bad "
        f"(log: {log}); the others are complete, mend the cause and run again"
    )
    assert "ValueError: rank 1 of 5 is bad" in log.read_text()
    assert step.ran() == [0, 1, 2, 3, 4]
    assert executor.get_incomplete_ranks() == [1]
    assert not (tmp_path / "x/log/stats.json").exists()
    (tmp_path / "x/fail-1").unlink()
    assert executor.run().stats[0]["seen"].total == 1
    assert step.ran() == [1]
    assert executor.get_incomplete_ranks() == []
    numbers(tmp_path / "y", local)[1].run()
    outputs = [sorted((tmp_path / d / "out").iterdir()) for d in "xy"]
    assert [p.read_bytes() for p in outputs[0]] == [p.read_bytes() for p in outputs[1]]


def test_what_depends_waits_for_the_first(tmp_path: Path, on_dask: Make) -> None:
    one, first = numbers(tmp_path / "one", on_dask)
    two, second = numbers(tmp_path / "two", on_dask, depends=first)
    (tmp_path / "one/fail-0").touch()
    with pytest.raises(ShardError, match="1 of 5 ranks failed"):
        second.run()
    with pytest.raises(ShardError, match=r"depends: 1 of 5 ranks are not complete \(first: 0\)"):
        second.run()
    assert two.ran() == []
    (tmp_path / "one/fail-0").unlink()
    first.run()
    one.ran()
    second.run()
    assert (one.ran(), two.ran()) == ([], [0, 1, 2, 3, 4])
    written = json.loads((tmp_path / "two/log/executor.json").read_text())
    assert written["world_size"] == 5
    assert written["depends"]["logging_dir"].endswith(")")
    assert "client" not in written
    assert "client" not in written["depends"]


def test_a_lost_worker_costs_an_attempt(tmp_path: Path, on_dask: Make) -> None:
    step, executor = numbers(tmp_path / "x", on_dask)
    (tmp_path / "x/die-4").touch()  # others are done there: fetching from it would block
    stats = executor.run()
    assert stats.stats[0]["seen"].total == 10
    assert sorted(set(step.ran())) == [0, 1, 2, 3, 4]


def test_statistics_of_a_rank_that_was_done_before(tmp_path: Path) -> None:
    step, executor = numbers(tmp_path / "x", local)
    executor.run()
    step.ran()
    executor = numbers(tmp_path / "x", DaskPipelineExecutor)[1]
    _run_rank(executor._without_client(), 4, "again")  # tells nothing: this is no worker
    assert step.ran() == []
    written = json.loads((tmp_path / "x/log/stats/00004.json").read_text())
    assert json.loads(executor._saved_stats(4).to_json()) == written
    both = PipelineStats() + executor._saved_stats(4) + executor._saved_stats(3)
    assert both.stats[0]["seen"].total == 7


def test_no_more_at_once_than_workers(
    tmp_path: Path, on_dask: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gristmill.pipeline.dask import DaskRunner

    asked = []
    each = DaskRunner.each

    def spy(self: Any, tasks: Any, submit: Any, at_once: Any = None) -> Iterator[Any]:
        asked.append(at_once)
        return each(self, tasks, submit, at_once)

    monkeypatch.setattr(DaskRunner, "each", spy)
    numbers(tmp_path / "x", on_dask, workers=2)[1].run()
    numbers(tmp_path / "y", on_dask)[1].run()
    assert asked == [2, None]


def test_on_a_cluster_of_its_own_with_a_lambda_and_our_stage(tmp_path: Path) -> None:
    docs = [Document("Write to a@b.example.", "0"), Document("Rye.", "1")]
    DaskPipelineExecutor(
        [
            docs,
            lambda data, rank, world_size: (doc for doc in data if rank < world_size),
            as_step(Pii(action="drop")),
            JsonlWriter(str(tmp_path / "out"), compression=None),
        ],
        tasks=1,
        logging_dir=str(tmp_path / "log"),
    ).run()
    (row,) = map(json.loads, (tmp_path / "out/00000.jsonl").read_text().splitlines())
    assert row == {"id": "1", "text": "Rye.", "metadata": {"pii.email": 0, "pii.ip": 0}}


def test_what_cannot_be_done_is_refused(tmp_path: Path, on_dask: Make) -> None:
    with pytest.raises(ConfigError, match="cannot be sent to workers"):
        on_dask([threading.Lock()], logging_dir=str(tmp_path / "log")).run()

    class Elsewhere(LocalPipelineExecutor.__base__):  # type: ignore[misc]
        run = world_size = get_distributed_env = __init__ = lambda self: None

    with pytest.raises(ConfigError, match=r"depends=Elsewhere: its run\(\) does not wait"):
        on_dask([], logging_dir=str(tmp_path / "log"), depends=Elsewhere())
    with pytest.raises(ConfigError, match="no Dask scheduler answers"):
        DaskPipelineExecutor([[]], logging_dir=str(tmp_path), scheduler="tcp:///nowhere:x").run()
