"""Options that several commands share, and how they become a runner."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from gristmill.console import LiveProgress, stderr
from gristmill.pipeline.plan import hold
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, Runner, execute
from gristmill.pipeline.shard import RunFolder

Out = Annotated[
    Path, typer.Option("--out", help="Folder for the results; the same command again resumes.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="Path, glob or URL; replaces the recipe's inputs. Repeatable."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a parameter, e.g. gopher_quality.min_words=80. Repeatable."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=0, help="Local worker processes; 0 = none, without Dask. [default: cores]"
    ),
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="Address of a running Dask scheduler.")
]
SchedulerFile = Annotated[
    Path | None, typer.Option("--scheduler-file", help="File a running scheduler wrote.")
]
ClusterFile = Annotated[
    Path | None, typer.Option("--cluster", help="YAML that names a cluster class and arguments.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
RunDir = Annotated[Path, typer.Argument(help="Folder that `gristmill run` wrote.")]


class Terminated(BaseException):
    """SIGTERM arrived: unwind, so that children and locks go, and exit 143."""


@dataclass(frozen=True)
class Where:
    """Where tasks run, as the options say."""

    workers: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None
    cluster_file: Path | None = None

    @contextmanager
    def runner(self, console: Console) -> Iterator[Runner]:
        """Open the runner and say where its dashboard is."""
        remote = self.scheduler or self.scheduler_file or self.cluster_file
        if self.workers == 0 and not remote:
            yield LocalRunner()
            return
        if remote:
            console.print(f"Dask: connecting to {remote}", highlight=False, markup=False)
        from gristmill.pipeline.dask import open_runner  # half a second: only when it is needed

        with open_runner(
            workers=self.workers or os.cpu_count() or 1,
            scheduler=self.scheduler,
            scheduler_file=self.scheduler_file,
            cluster_file=self.cluster_file,
        ) as runner:
            dashboard = runner.dashboard or "off (pip install 'gristmill[dashboard]')"
            console.print(f"Dask: {runner.workers} workers, dashboard {dashboard}", highlight=False)
            yield runner


def run_rounds(folder: RunFolder, rounds: Sequence[Round], where: Where) -> None:
    """Execute rounds with live progress. Ctrl-C and SIGTERM stop it; the next run resumes.

    Raises:
        GristmillError: see ``gristmill.pipeline.run.execute``.
        Terminated: SIGTERM.
    """
    console = stderr()
    with hold(folder), _terminable():
        if all(folder.complete(round_.name) for round_ in rounds):
            console.print(
                f"{folder.root}: finished already; nothing to do",
                highlight=False,
                soft_wrap=True,
                markup=False,
            )
            return
        with where.runner(console) as runner, LiveProgress(console) as watch:
            execute(folder, rounds, runner, watch)


@contextmanager
def _terminable() -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
