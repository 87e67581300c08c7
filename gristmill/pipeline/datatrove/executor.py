"""``DaskPipelineExecutor``: datatrove's LocalPipelineExecutor, with Dask workers.

One rank is one Dask task. Completions, logs and statistics lie in ``logging_dir`` exactly as
datatrove's own executors write them, so either may go on where the other stopped.
"""

import copy
import json
import os
import pickle
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from datatrove.executor.base import DistributedEnvVars, PipelineExecutor
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.io import DataFolderLike
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger
from datatrove.utils.stats import PipelineStats

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.dask import DaskRunner, open_runner, tell

_TOPIC = "gristmill-datatrove"


class DaskPipelineExecutor(PipelineExecutor):  # type: ignore[misc]
    """Run a datatrove pipeline on Dask workers.

    Args:
        pipeline: steps, callables and sequences of documents, as for LocalPipelineExecutor. It
            travels by cloudpickle.
        tasks: number of ranks.
        workers: ranks at once; -1 = as many as there is room for.
        logging_dir: for completions, statistics and logs; all workers must see it.
        depends: an executor that must be done before; it is run first if it was not yet.
        skip_completed: leave out ranks that an earlier run completed.
        randomize_start_duration: each rank waits up to so many seconds first.
        client: a ``distributed.Client``, whose workers should have one thread each.
        scheduler: address of a running scheduler. Without either, a cluster of ``workers``
            processes (-1: one a core) is started on this machine while ``run`` lasts.

    Raises:
        ConfigError: ``depends`` is an executor that does not wait for its ranks.
    """

    def __init__(
        self,
        pipeline: list[PipelineStep | Callable[..., Any] | Sequence[Any]],
        tasks: int = 1,
        workers: int = -1,
        logging_dir: DataFolderLike = None,
        depends: "DaskPipelineExecutor | LocalPipelineExecutor | None" = None,
        skip_completed: bool = True,
        randomize_start_duration: int = 0,
        *,
        client: Any = None,
        scheduler: str | None = None,
    ) -> None:
        super().__init__(pipeline, logging_dir, skip_completed, randomize_start_duration)
        if depends and not isinstance(depends, DaskPipelineExecutor | LocalPipelineExecutor):
            raise ConfigError(
                f"depends={type(depends).__name__}: its run() does not wait for its ranks; "
                "name a DaskPipelineExecutor or a LocalPipelineExecutor"
            )
        self.tasks, self.workers, self.depends = tasks, workers, depends
        self.client, self.scheduler = client, scheduler
        self._launched = False

    @property
    def world_size(self) -> int:
        """The number of ranks."""
        return self.tasks

    def get_distributed_env(self, node_rank: int = -1) -> DistributedEnvVars:  # noqa: ARG002
        """Return what steps may read from the environment: as locally, but for the name."""
        return DistributedEnvVars(
            datatrove_node_ips="localhost",
            datatrove_cpus_per_task="-1",
            datatrove_mem_per_cpu="-1",
            datatrove_gpus_on_node="-1",
            datatrove_executor="DASK",
        )

    def run(self) -> PipelineStats | None:
        """Run all ranks that are not complete, after those of ``depends``.

        Returns:
            The merged statistics of the ranks run now, as in ``stats.json``; None if there was
            nothing to do.

        Raises:
            ShardError: some ranks failed; all others are complete.
            ConfigError: the pipeline cannot be pickled; no scheduler answers.
        """
        self._run_depends()
        self._launched = True
        ranks = self.get_incomplete_ranks()
        if skipped := self.tasks - len(ranks):
            logger.info(f"Skipping {skipped} already completed tasks")
        if not ranks:
            return None
        self.save_executor_as_json()
        with self._runner(len(ranks)) as runner:
            done = self._run_ranks(runner, ranks)
        # In the order of ranks: sums of floats then do not depend on who was quick.
        stats = sum((done[rank] for rank in ranks), start=PipelineStats())
        with self.logging_dir.open("stats.json", "wt") as file:
            stats.save_to_disk(file)
        logger.success(stats.get_repr(f"All {len(ranks)} tasks"))
        return stats

    def save_executor_as_json(self, indent: int = 4) -> None:
        """Write ``executor.json``."""
        PipelineExecutor.save_executor_as_json(self._without_client(), indent)

    def _without_client(self) -> "DaskPipelineExecutor":
        """A copy that can travel and be written down, which a client cannot."""
        mine = copy.copy(self)
        del mine.client
        if isinstance(mine.depends, DaskPipelineExecutor):
            mine.depends = mine.depends._without_client()
        return mine

    def _run_depends(self) -> None:
        if self.depends is None:
            return
        if not self.depends._launched:
            logger.info(f'Launching dependency job "{self.depends}"')
            self.depends.run()
        if missing := self.depends.get_incomplete_ranks(skip_completed=True):
            raise ShardError(
                f"depends: {len(missing)} of {self.depends.world_size} ranks are not complete "
                f"(first: {missing[0]}) in {self.depends.logging_dir.path}; run it again first"
            )

    @contextmanager
    def _runner(self, ranks: int) -> Iterator[DaskRunner]:
        if self.client is not None:
            yield DaskRunner(self.client)
            return
        processes = self.workers if self.workers > 0 else len(os.sched_getaffinity(0))
        with open_runner(workers=min(processes, ranks), scheduler=self.scheduler) as runner:
            yield runner

    def _run_ranks(self, runner: DaskRunner, ranks: Sequence[int]) -> dict[int, PipelineStats]:
        """Run ranks; a failed one does not keep the others from being run."""
        done: dict[int, PipelineStats] = {}
        told: dict[int, bytes] = {}
        failures: dict[int, Exception] = {}
        travelling, attempt = self._without_client(), uuid.uuid4().hex[:8]
        travelling.depends = None

        def heard(event: tuple[float, Any]) -> None:
            if event[1]["attempt"] == attempt:
                told[event[1]["rank"]] = event[1]["stats"]

        def submit(rank: int) -> Any:
            key = f"datatrove-{attempt}-{rank:05d}"
            try:
                return runner.client.submit(_run_rank, travelling, rank, attempt, key=key)
            except Exception as error:
                raise ConfigError(
                    f"the pipeline cannot be sent to workers: {error}; mend the step it names"
                ) from error

        runner.client.subscribe_topic(_TOPIC, heard)
        try:
            for future in runner.each(ranks, submit, self.workers if self.workers > 0 else None):
                rank = int(future.key.rsplit("-", 1)[1])
                if future.status == "error":
                    failures[rank] = future.exception()
                elif rank in told:
                    done[rank] = pickle.loads(told[rank])  # noqa: S301 - our own worker sent it
                else:
                    done[rank] = self._saved_stats(rank)
                logger.info(f"{len(done) + len(failures)}/{len(ranks)} tasks ended.")
        finally:
            runner.client.unsubscribe_topic(_TOPIC)
        if failures:
            raise self._failed(failures)
        return done

    def _saved_stats(self, rank: int) -> PipelineStats:
        """Read what a rank wrote down whose worker died before it could tell (units are lost)."""
        with self.logging_dir.open(f"stats/{rank:05d}.json") as file:
            return PipelineStats.from_json(json.load(file))

    def _failed(self, failures: dict[int, Exception]) -> ShardError:
        first = min(failures)
        error = failures[first]
        which = ", ".join(str(rank) for rank in sorted(failures)[:20])
        log = self.logging_dir.resolve_paths(f"logs/task_{first:05d}.log")
        return ShardError(
            f"{len(failures)} of {self.tasks} ranks failed (number {which}); first: "
            f"{type(error).__name__}: {error} (log: {log}); the others are complete, "
            "mend the cause and run again"
        )


def _run_rank(executor: DaskPipelineExecutor, rank: int, attempt: str) -> None:
    """Run one rank on a worker, and tell its statistics unless an earlier attempt has done it."""
    mine = copy.copy(executor)
    mine.pipeline = copy.deepcopy(executor.pipeline)  # workers in one process share what is sent
    done_before = mine.is_rank_completed(rank)
    # The console gets the log of rank 0 only; the others have their files.
    stats = mine._run_for_rank(rank, local_rank=rank)
    if not done_before:
        tell(_TOPIC, {"rank": rank, "attempt": attempt, "stats": pickle.dumps(stats)})
