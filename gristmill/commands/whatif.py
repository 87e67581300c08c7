"""``whatif``: the funnel with other thresholds, and documents that would change sides."""

import json
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gristmill.api import whatif as foresee
from gristmill.commands.options import AsJson, RunDir, Settings
from gristmill.pipeline.whatif.fate import Example
from gristmill.pipeline.whatif.foresee import WhatIf
from gristmill.tokenize.visible import plain

_MEANING = {
    "newly_kept": "newly kept",
    "newly_dropped": "newly dropped",
    "unforeseen": "unforeseen",
    "other_reason": "dropped for another reason",
}


def whatif(
    folder: RunDir,
    settings: Settings = None,
    as_json: AsJson = False,
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Documents to list for each way of changing.")
    ] = 5,
) -> None:
    """Show what other thresholds would have given, from the signals that a run stored.

    The run itself is only read. What is shown equals a new run with these settings; what cannot be
    foreseen says so.

    **Example**

        gristmill whatif out --set gopher_quality.min_words=80 --set c4.min_sentences=3
    """
    found = foresee(folder, settings or [], examples=examples)
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
        return
    console = Console()
    console.print(_funnel(found))
    counts = ", ".join(f"{found.documents[way]:,} {words}" for way, words in _MEANING.items())
    console.print(f"documents: {counts}", highlight=False, soft_wrap=True)
    for note in found.notes:
        console.print(f"[yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    for example in found.examples:
        for line in _in_words(example):
            console.print(plain(line, " "), highlight=False, markup=False, soft_wrap=True)


def _funnel(found: WhatIf) -> Table:
    """Return what each stage lets out and drops, as it was and as it would be."""
    changes = ", ".join(f"{name} {a} → {b}" for name, (a, b) in found.changes.items())
    table = Table(title=escape(changes or "nothing changes"), title_justify="left")
    table.box = box.SIMPLE_HEAD
    table.add_column("stage", no_wrap=True)
    table.add_column("documents", no_wrap=True)
    for name in ("was", "would be", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for old, new in zip(found.old, found.new, strict=True):
        if new is None:
            table.add_row(old.name, "not foreseen", f"{old.docs_out:,}", "–", "")
            continue
        table.add_row(old.name, "out", *_figures(old.docs_out, new.docs_out))
        for reason in dict.fromkeys([*old.drops, *new.drops]):
            figures = _figures(old.drops.get(reason, 0), new.drops.get(reason, 0))
            table.add_row("", escape(reason), *figures)
        if n := found.unforeseen.get(old.name):
            table.add_row("", "unforeseen", *_figures(0, n))
    return table


def _figures(was: int, now: int) -> tuple[str, str, str]:
    return f"{was:,}", f"{now:,}", f"[bold]{now - was:+,}[/]" if now != was else ""


def _in_words(example: Example) -> tuple[str, str]:
    """Return two lines: which document, and why."""
    signals = ", ".join(f"{name} {_short(value)}" for name, value in example.signals.items())
    limits = ", ".join(
        f"{example.stage}.{name} {a} → {b}" for name, (a, b) in example.thresholds.items()
    )
    where = example.url or example.id or ""
    return (
        f"{example.old} → {example.new}  {where} (key {example.key})",
        f"    {signals}; {limits}",
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value!s:.60}"
