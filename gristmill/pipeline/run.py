"""Run a plan: round after round, only the tasks that have no manifest yet.

The driver holds no state that matters. Killed anywhere and started again, it reads the manifests
and does what is missing.
"""

import os
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gristmill.errors import GristmillError, IncompleteError, ShardError, TransientError
from gristmill.pipeline.cpu import cpu_seconds
from gristmill.pipeline.manifest import Manifest
from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.rounds import Round, Tick
from gristmill.pipeline.shard import Draft, RunFolder

_ATTEMPTS = 3
_BACKOFF_SECONDS = 2.0
_TICK_SECONDS = 0.5


@dataclass(frozen=True)
class TaskResult:
    """What a finished task tells the driver: counts only, under a kilobyte."""

    task: int
    docs_in: int = 0
    docs_out: int = 0


@dataclass(frozen=True)
class TaskFailure:
    """Why a task has no result. ``killed`` means that it took its workers with it."""

    task: int
    message: str
    killed: bool = False


class Runner(Protocol):
    """Where tasks are executed."""

    def map(
        self, folder: RunFolder, round_: Round, tasks: Sequence[int], watch: "Watch"
    ) -> Iterator[TaskResult | TaskFailure]:
        """Execute the tasks in any order; yield each outcome once."""


class Watch:
    """What a run tells those who look on; override what is of interest."""

    def on_round(self, name: str, total: int, done: int) -> None:
        """A round begins; ``done`` of its ``total`` tasks were finished before."""

    def on_tick(self, task: int, counts: Mapping[str, int]) -> None:
        """A running task has come so far."""

    def on_result(self, result: TaskResult | TaskFailure) -> None:
        """A task has ended."""


class LocalRunner:
    """Executes tasks one after another in this process."""

    def map(
        self, folder: RunFolder, round_: Round, tasks: Sequence[int], watch: Watch
    ) -> Iterator[TaskResult | TaskFailure]:
        """Execute the tasks in order."""
        for task in tasks:
            yield run_task(folder, round_, task, lambda c, t=task: watch.on_tick(t, c))  # type: ignore[misc]


def run_task(
    folder: RunFolder, round_: Round, task: int, on_tick: Tick
) -> TaskResult | TaskFailure:
    """Execute one task and publish it. Whatever goes wrong comes back as a value.

    A bug in a stage, or a page that finds one, costs its shard and not the run: the traceback goes
    to ``log/<round>/<task>.traceback.txt``, and the run ends as failed.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _attempt(folder, round_, task, on_tick)
        except TransientError as error:
            if attempt == _ATTEMPTS:
                return TaskFailure(task, f"{error} (tried {_ATTEMPTS} times)")
            time.sleep(_BACKOFF_SECONDS * 2 ** (attempt - 1))
        except GristmillError as error:
            return TaskFailure(task, str(error))
        except OSError as error:
            where = error.filename or folder.root
            return TaskFailure(
                task,
                f"{where}: {error.strerror or error}; mend that and run the same command again",
            )
        except Exception as error:  # noqa: BLE001 - this shard fails, the others go on
            where = folder.log_traceback(round_.name, task, traceback.format_exc())
            inputs = _inputs_of(folder, task)
            return TaskFailure(
                task, f"unexpected {type(error).__name__}: {error}{inputs} (traceback: {where})"
            )
    raise AssertionError("unreachable")


def _inputs_of(folder: RunFolder, task: int) -> str:
    """Name the input of a task where tasks are shards of the plan."""
    try:
        plan = load_plan(folder.root)
    except GristmillError:
        return ""
    return f" in {plan.inputs[plan.shards[task].input].path}" if task < len(plan.shards) else ""


def _attempt(folder: RunFolder, round_: Round, task: int, on_tick: Tick) -> TaskResult:
    if (done := folder.manifest(round_.name, task)) is not None:
        return result_of(done)
    wall, cpu = time.monotonic(), cpu_seconds()
    draft = Draft(folder, round_.name, task)
    try:
        round_.work(draft, _limited(on_tick))
        record = {
            "round": round_.name,
            "stage": round_.stage,
            "task": task,
            "cpu": draft.cpu or {round_.stage: cpu_seconds() - cpu},
            "wall_seconds": time.monotonic() - wall,
            "host": os.uname().nodename,
        }
        manifest = folder.publish(draft)
        folder.log(round_.name, task, record)
    finally:
        draft.discard()
    return result_of(manifest)


def result_of(manifest: Manifest) -> TaskResult:
    """Return what a task's manifest says to the driver."""
    stages = manifest.stages
    return TaskResult(
        manifest.task,
        stages[0].docs_in if stages else 0,
        stages[-1].docs_out if stages else 0,
    )


def execute(
    folder: RunFolder, rounds: Sequence[Round], runner: Runner, watch: Watch | None = None
) -> None:
    """Run all rounds that are not finished.

    Raises:
        ShardError: some shards failed with an error of their own; all others of the round are done.
        IncompleteError: some shards were quarantined because they kill their workers.
    """
    watch = watch or Watch()
    for round_ in rounds:
        count = round_.work.count(folder)
        failures: list[TaskFailure] = []
        missing = [k for k in range(count) if folder.manifest(round_.name, k) is None]
        watch.on_round(round_.name, count, count - len(missing))
        if missing:
            for result in runner.map(folder, round_, missing, watch):
                watch.on_result(result)
                if isinstance(result, TaskFailure):
                    failures.append(result)
        if failures:
            raise _failed(round_.name, failures, count)
        if not folder.sealed(round_.name):
            folder.seal(round_.name, count)
        elif missing:
            folder.check_seal(round_.name)  # later rounds were made from what it sealed


def _failed(name: str, failures: Sequence[TaskFailure], count: int) -> ShardError | IncompleteError:
    first = min(failures, key=lambda failure: (failure.killed, failure.task))
    shards = ", ".join(str(task) for task in sorted(f.task for f in failures)[:20])
    which = f"{len(failures)} of {count} shards failed (number {shards})"
    message = f"{name}: {which}; first: {first.message}"
    if all(failure.killed for failure in failures):
        return IncompleteError(f"{message}; the others are done, run again to retry")
    return ShardError(message)


def _limited(on_tick: Tick) -> Tick:
    """Pass on at most two ticks a second."""
    last = 0.0

    def tick(counts: Mapping[str, int]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TICK_SECONDS:
            last = now
            on_tick(counts)

    return tick
