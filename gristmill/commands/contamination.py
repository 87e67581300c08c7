"""``contamination``: what of the evaluation sets a run met, and where."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gristmill.api import reopen
from gristmill.commands.options import AsJson, RunDir
from gristmill.filters.contamination import Contamination, ItemHits, read_contamination
from gristmill.tokenize.visible import plain


def contamination(
    folder: RunDir,
    as_json: AsJson = False,
    top: Annotated[int, typer.Option("--top", min=0, help="Items to list of each kind.")] = 10,
) -> None:
    """Show which evaluation items a finished run met, and which documents went for them.

    A document counts for the item of which it holds most. `--json` lists all items.

    **Example**

        gristmill contamination out --top 20
    """
    found = read_contamination(*reopen(folder))
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
        return
    console = Console()
    console.print(_files(found))
    for note in found.notes:
        console.print(f"[yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    for title, hits in (("dropped", found.dropped), ("touched, kept", found.touched)):
        for line in _lines(title, hits, top):
            console.print(plain(line, " "), highlight=False, markup=False, soft_wrap=True)


def _files(found: Contamination) -> Table:
    table = Table(title=f"contamination · run {found.run_id}", title_justify="left")
    table.box = box.SIMPLE_HEAD
    table.add_column("evaluation file", no_wrap=True)
    for name in ("items", "unused", "items hit", "docs dropped", "docs touched, kept"):
        table.add_column(name, justify="right")
    for file in found.files:
        known = ["–" if n is None else f"{n:,}" for n in (file.items, file.unused)]
        met = [f"{n:,}" for n in (file.items_hit, file.docs_dropped, file.docs_touched)]
        table.add_row(escape(file.file), *known, *met)
    return table


def _lines(title: str, hits: Sequence[ItemHits], top: int) -> list[str]:
    """Return a line for each item: documents, and the one that holds most of it."""
    listed = [
        f"  {hit.item}  {hit.docs:,} docs, e.g. {hit.share:.0%} of it in "
        f"{hit.url or hit.id or ''} (key {hit.key})"
        for hit in hits[:top]
    ]
    more = [f"  … and {len(hits) - top:,} more items"] if len(hits) > top else []
    return [f"{title}: {sum(hit.docs for hit in hits):,} documents", *listed, *more]
