"""Run tasks on a Dask cluster. The only module that imports dask and distributed.

One task is one shard (minutes of work), so the scheduler sees few, large tasks: a window of
4 × workers futures, results of a few numbers. Scheduler state is disposable: everything that
matters stands in manifests.
"""

import importlib
import importlib.util
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed, get_worker

from gristmill.errors import ConfigError
from gristmill.pipeline import interrupts
from gristmill.pipeline.cluster_file import read_cluster_file
from gristmill.pipeline.plan import installed_versions
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import TaskFailure, TaskResult, Watch, result_of, run_task
from gristmill.pipeline.shard import RunFolder

_TOPIC = "gristmill"
_WINDOW = 4
_CONNECT_SECONDS = 30
#: A batch system may need this long to give the first worker.
_FIRST_WORKER_SECONDS = 1800

#: Why each: ``shared/reference`` measured them; see docs/design.md, "Dask".
SETTINGS = {
    # A task that kills four workers is at fault itself; the rest of the run must go on.
    "distributed.scheduler.allowed-failures": 3,
    # A worker deep in C code may miss heartbeats for minutes and still be well.
    "distributed.scheduler.worker-ttl": "15 minutes",
    "distributed.scheduler.no-workers-timeout": "30 minutes",
    # Results are counts; there is nothing to spill. A worker that leaks is killed and replaced.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": 0.80,
    "distributed.worker.memory.terminate": 0.95,
    # The sampling profiler takes a seventh of a worker's CPU time.
    "distributed.worker.profile.enabled": False,
    "distributed.comm.retry.count": 5,
    "distributed.comm.timeouts.connect": "60s",
    "distributed.comm.timeouts.tcp": "120s",
    "distributed.admin.large-graph-warning-threshold": "100MB",
}


class DaskRunner:
    """Executes tasks on the workers of a client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def dashboard(self) -> str | None:
        """Address of the dashboard, if there is one."""
        return self.client.dashboard_link or None

    @property
    def workers(self) -> int:
        """Number of workers now."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def each(
        self, tasks: Sequence[int], submit: Callable[[int], Any], at_once: int | None = None
    ) -> Iterator[Any]:
        """Submit tasks with a bounded number in flight; yield their futures as they end."""
        waiting = list(reversed(tasks))
        running = as_completed(loop=self.client.loop)
        while waiting or running.count():
            window = _WINDOW * max(1, self.workers)
            while waiting and running.count() < min(window, at_once or window):
                running.add(submit(waiting.pop()))
            yield next(running)

    def map(
        self, folder: RunFolder, round_: Round, tasks: Sequence[int], watch: Watch
    ) -> Iterator[TaskResult | TaskFailure]:
        """Execute tasks with a bounded number in flight; a killer is tried once more, alone."""
        self.client.subscribe_topic(_TOPIC, lambda event: _heard(event, watch))
        try:
            yield from self._map(folder, round_, tasks)
        finally:
            self.client.unsubscribe_topic(_TOPIC)

    def _map(
        self, folder: RunFolder, round_: Round, tasks: Sequence[int]
    ) -> Iterator[TaskResult | TaskFailure]:
        killers: list[int] = []
        attempt = uuid.uuid4().hex[:8]
        for future in self.each(tasks, lambda t: self._submit(folder, round_, t, attempt)):
            result = _outcome(folder, round_, future)
            if isinstance(result, TaskFailure) and result.killed:
                killers.append(result.task)
            else:
                yield result
        for task in killers:
            future = self._submit(folder, round_, task, f"{attempt}.again")
            yield _outcome(folder, round_, next(as_completed([future])))

    def _submit(self, folder: RunFolder, round_: Round, task: int, attempt: str) -> Any:
        # A key of its own for each call: an earlier failure under the same key would be given back.
        key = f"{round_.name}-{folder.run_id}-{task:05d}-{attempt}"
        return self.client.submit(_on_worker, folder, round_, task, key=key, pure=False)


def tell(topic: str, body: Any) -> None:
    """Tell the driver something small from within a task, before its future is done there.

    A result would have to be fetched; that blocks for minutes once its worker has died.
    """
    get_worker().log_event(topic, body)


class _FailureError(Exception):
    """Carries a failure to the driver."""


def _on_worker(folder: RunFolder, round_: Round, task: int) -> None:
    """Do the task. A failure is raised: errors reach the driver without a fetch from the worker."""
    worker = get_worker()  # here: a task may tick from a thread of its own, which knows no worker

    def tick(counts: Mapping[str, int]) -> None:
        worker.log_event(_TOPIC, {"task": task, **counts})

    result = run_task(folder, round_, task, tick)
    if isinstance(result, TaskFailure):
        raise _FailureError(result)


def _outcome(folder: RunFolder, round_: Round, future: Any) -> TaskResult | TaskFailure:
    """Turn a finished future into a value; bugs are raised here, in the driver.

    What a task did is read from its manifest: fetching a result from a worker that has died
    meanwhile would block for minutes (connect timeout x retries).
    """
    task = int(future.key.rsplit("-", 2)[1])
    if future.status != "error" and (done := folder.manifest(round_.name, task)) is not None:
        return result_of(done)
    try:
        future.result()
    except _FailureError as failed:
        failure: TaskFailure = failed.args[0]
        return failure
    except KilledWorker:
        if (done := folder.manifest(round_.name, task)) is None:
            return TaskFailure(task, "its worker was killed again and again (memory?)", killed=True)
        return result_of(done)
    if (done := folder.manifest(round_.name, task)) is None:
        return TaskFailure(task, "done elsewhere, but its manifest is not here: is --out shared?")
    return result_of(done)


def _heard(event: tuple[float, Any], watch: Watch) -> None:
    _, body = event
    if isinstance(body, dict) and "task" in body:
        watch.on_tick(body["task"], {k: v for k, v in body.items() if k.startswith("docs")})


@contextmanager
def open_runner(
    *,
    workers: int,
    scheduler: str | None = None,
    scheduler_file: Path | None = None,
    cluster_file: Path | None = None,
) -> Iterator[DaskRunner]:
    """Connect to a cluster, or start one on this machine, for the length of the block.

    Args:
        workers: processes of a local cluster, one thread each; ignored where there is a cluster.
        scheduler: address of a running scheduler.
        scheduler_file: JSON file that ``dask scheduler --scheduler-file`` wrote.
        cluster_file: see ``ClusterFile``.

    Raises:
        ConfigError: no scheduler or worker answers, or the versions of client and workers differ.
    """
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(SETTINGS))
        if scheduler or scheduler_file:
            client = _connect(scheduler, scheduler_file)
        else:
            with interrupts.deferred():
                cluster = stack.enter_context(
                    read_cluster_file(cluster_file).start() if cluster_file else _local(workers)
                )
            client = Client(cluster)
        stack.callback(_close, client)
        if scheduler or scheduler_file or cluster_file:
            _wait_for_worker(client)
            _same_versions(client)
        yield DaskRunner(client)


def _local(workers: int) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0" if _has_bokeh() else None,
        silence_logs=50,
        memory_limit="auto",
        preload=[interrupts.__name__],
    )


def _connect(scheduler: str | None, scheduler_file: Path | None) -> Client:
    where = scheduler or str(scheduler_file)
    try:
        if scheduler_file is not None:
            if not scheduler_file.is_file():
                raise ConfigError(f"{scheduler_file}: no such scheduler file")
            return Client(scheduler_file=str(scheduler_file), timeout=_CONNECT_SECONDS)
        return Client(scheduler, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: no Dask scheduler answers there ({error})") from error


def _wait_for_worker(client: Client) -> None:
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER_SECONDS)
    except TimeoutError as error:
        raise ConfigError(
            f"{client.scheduler_info()['address']}: no Dask worker came within "
            f"{_FIRST_WORKER_SECONDS} s; look at the cluster's queue"
        ) from error


def _close(client: Client) -> None:
    try:
        client.close(timeout=10)
    except TimeoutError:
        print("gristmill: the Dask client did not close in 10 s", file=sys.stderr)


def _same_versions(client: Client) -> None:
    """Refuse workers whose Python or libraries differ from the client's."""
    mine = installed_versions()
    for worker, theirs in client.run(installed_versions).items():
        wrong = [
            f"{n} {theirs.get(n)} there, {v} here" for n, v in mine.items() if theirs.get(n) != v
        ]
        if wrong:
            raise ConfigError(f"worker {worker} has other versions: {wrong[0]}; install the same")


def _has_bokeh() -> bool:
    return importlib.util.find_spec("bokeh") is not None
