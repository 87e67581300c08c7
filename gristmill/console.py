"""What people see in the terminal: live progress, the funnel, tables."""

import math
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from gristmill.pipeline.report import Report
from gristmill.pipeline.run import TaskFailure, TaskResult, Watch
from gristmill.tokenize.visible import plain

_PLAIN_SECONDS = 10.0
_BAR = 20


class LiveProgress(Watch):
    """A bar for each round: shards done, documents in and out, drop rate, documents a second.

    Without a terminal, one line when a round begins and one every ten seconds.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[docs]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, docs="", visible=False)
        self._name, self._total, self._done = "", 0, 0
        self._finished = [0, 0]
        self._running: dict[int, tuple[int, int]] = {}
        self._begun = self._said = time.monotonic()

    def on_round(self, name: str, total: int, done: int) -> None:
        """Start a bar."""
        self._name, self._total, self._done = name, total, done
        self._finished, self._running = [0, 0], {}
        self._begun = self._said = time.monotonic()
        self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total, completed=done, docs="")
        if not self._console.is_terminal and total > done:
            self._console.print(f"{name}: {total - done} of {total} shards to do", highlight=False)

    def on_tick(self, task: int, counts: Mapping[str, int]) -> None:
        """Note how far a running task is."""
        self._running[task] = (counts.get("docs_in", 0), counts.get("docs_out", 0))
        self._show()

    def on_result(self, result: TaskResult | TaskFailure) -> None:
        """Advance the bar; name a failure at once."""
        self._running.pop(result.task, None)
        self._done += 1
        if isinstance(result, TaskFailure):
            line = f"[red]{self._name} shard {result.task}:[/] {escape(plain(result.message, ' '))}"
            self._console.print(line, highlight=False, soft_wrap=True)
        else:
            self._finished[0] += result.docs_in
            self._finished[1] += result.docs_out
        self._show()

    def _show(self) -> None:
        docs_in = self._finished[0] + sum(i for i, _ in self._running.values())
        docs_out = self._finished[1] + sum(o for _, o in self._running.values())
        seconds = max(time.monotonic() - self._begun, 1e-9)
        text = ""
        if docs_in:
            text = f"{docs_in:,} docs, {docs_in / seconds:,.0f}/s"
        if docs_in and docs_out:
            text += f", {docs_out:,} kept ({1 - docs_out / docs_in:.0%} dropped)"
        self._bar.update(self._task, completed=self._done, docs=text)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said >= _PLAIN_SECONDS:
            self._said = now
            self._console.print(f"{self._name}: {self._done}/{self._total} {text}", highlight=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._bar.stop()


def funnel_table(report: Report) -> Table:
    """Return the funnel: one line a stage, with a bar for what is left of the first."""
    table = Table(
        title=escape(f"{report.recipe['name']} · run {report.run_id}"), title_justify="left"
    )
    table.box = box.SIMPLE_HEAD
    table.add_column("stage", no_wrap=True)
    for name in ("docs in", "docs out", "kept"):
        table.add_column(name, justify="right")
    table.add_column("left", min_width=_BAR)
    table.add_column("CPU s", justify="right")
    first = max((stage.docs_in for stage in report.stages), default=0)
    for stage in report.stages:
        bar = "█" * math.ceil(_BAR * stage.docs_out / first) if first else ""
        table.add_row(
            escape(stage.name),
            f"{stage.docs_in:,}",
            f"{stage.docs_out:,}",
            f"{stage.docs_out / stage.docs_in:.1%}" if stage.docs_in else "–",
            f"[green]{bar}[/]",
            f"{report.cpu_seconds.get(stage.name, 0.0):,.1f}",
        )
    return table


def drops_table(report: Report) -> Table:
    """Return the reasons, stage by stage, commonest first."""
    table = Table(title="why documents were dropped", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("stage", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("docs", justify="right")
    for stage in report.stages:
        reasons = sorted(stage.drops.items(), key=lambda item: (-item[1], item[0]))
        for i, (reason, n) in enumerate(reasons):
            table.add_row(escape(stage.name) if i == 0 else "", escape(reason), f"{n:,}")
    return table


def print_report(console: Console, report: Report) -> None:
    """Print the funnel, the reasons, the tokens and what is missing."""
    console.print(funnel_table(report))
    if any(stage.drops for stage in report.stages):
        console.print(drops_table(report))
    for stage, figures in report.figures.items():
        told = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in figures.items())
        console.print(f"{stage}: {told}", highlight=False)
    if report.shards:
        train, val = report.tokens["train"], report.tokens["val"]
        console.print(f"tokens: {train:,} train, {val:,} val in {len(report.shards)} files")
    if report.missing:
        (name, tasks), later = report.missing[0], len(report.missing) - 1
        console.print(
            f"[yellow]not finished:[/] {name}, {tasks} tasks to do, and {later} rounds after it; "
            "run the same command again"
        )


def stderr() -> Console:
    """A console for progress and errors, so that stdout holds results only."""
    return Console(file=sys.stderr)
