"""Tokens in a terminal: coloured where it has colours, else with bars between them.

Everything shown has been through ``visible.fragments``: no byte of the text steers the terminal.
"""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gristmill.tokenize.palette import LIGHT
from gristmill.tokenize.token_view import Token, TokenView, differences
from gristmill.tokenize.visible import fragments, plain

#: Sixteen colours are the terminal's own: named, with black on each.
_SIXTEEN = ("black on cyan", "black on yellow", "black on magenta", "black on green")
_MANY = tuple(f"{LIGHT.ink} on {colour}" for colour in LIGHT.tokens)
_BAR = "│"
#: Tokens of a difference that are shown.
_LONGEST = 24


def print_views(
    console: Console, views: Sequence[TokenView], *, ids: bool = True, top: int = 12
) -> None:
    """Print the counts, each view, and where the tokenizers differ.

    Args:
        console: where to.
        views: of one text.
        ids: also print the ids, in the colours of their tokens.
        top: differences to list.
    """
    styles = _styles(console)
    console.print(counts_table(views))
    for view in views:
        console.print(Text(plain(view.name), style="bold"))
        console.print(_tokens(view, styles))
        if ids:
            console.print(_ids(view.tokens, styles))
        for line in notes(view):
            console.print(Text(line, style="italic"), soft_wrap=True)
        console.print()
    if len(views) > 1:
        _print_differences(console, views, styles, top)


def counts_table(views: Sequence[TokenView]) -> Table:
    """Return a table with a row for each tokenizer; ``×`` is tokens relative to the fewest."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("tokenizer", overflow="fold", min_width=8)
    for name in ("ids", "tokens", "×", "chars", "bytes", "char/tok", "byte/tok"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("broken", justify="right", no_wrap=True)
    fewest = min((view.counts.tokens for view in views), default=0)
    for view in views:
        n = view.counts
        table.add_row(
            Text(plain(view.name)),
            f"{view.vocab_size:,}",
            f"{n.tokens:,}",
            f"{n.tokens / fewest:.2f}" if fewest else "–",
            f"{n.characters:,}",
            f"{n.bytes:,}",
            f"{n.characters_per_token:.2f}",
            f"{n.bytes_per_token:.2f}",
            f"{n.broken:,}",
        )
    return table


def notes(view: TokenView) -> list[str]:
    """Return what is to be said of a view, in sentences."""
    said = [
        f"{plain(x.text)} at byte {x.byte:,} is the name of special token {x.special_id}; "
        f"here it is ordinary text, {x.tokens:,} tokens"
        for x in view.lookalikes
    ]
    if not view.exact:
        said.append(
            "this tokenizer changes the text first (a normaliser or a space in front): "
            "tokens show the changed text, places are those of the text given"
        )
    return said


def _styles(console: Console) -> tuple[str, ...]:
    if console.no_color or console.color_system is None:
        return ()
    return _SIXTEEN if console.color_system == "standard" else _MANY


def _tokens(view: TokenView, styles: Sequence[str]) -> Text:
    """Return the tokens; where pieces are known, a gap stands between them."""
    out = Text()
    line_begins = True
    for at, token in enumerate(view.tokens):
        if not line_begins:
            bar = "" if styles else _BAR
            out.append(" " if token.new_piece else bar)
        line_begins = _show(out, token.data, styles[at % len(styles)] if styles else "")
    return out


def _show(out: Text, data: bytes, style: str) -> bool:
    """Append bytes; return whether a line ended with them."""
    for fragment in fragments(data):
        for line in fragment.text.splitlines(keepends=True):
            out.append(line.rstrip("\n"), style)  # a coloured line break colours the whole row
            if line.endswith("\n"):
                out.append("\n")
    return data.endswith(b"\n")


def _ids(tokens: Sequence[Token], styles: Sequence[str]) -> Text:
    out = Text()
    for at, token in enumerate(tokens):
        if at:
            out.append(" ")
        out.append(str(token.id), styles[at % len(styles)] if styles else "")
    return out


def _print_differences(
    console: Console, views: Sequence[TokenView], styles: Sequence[str], top: int
) -> None:
    if not all(view.exact for view in views):
        console.print("not compared: a tokenizer changes the text first")
        return
    found = differences(views)
    if not found:
        console.print("all tokenizers cut this text in the same way")
        return
    ways = f"{len(found):,} way{'s' * (len(found) > 1)}"
    console.print(f"where they differ: {ways}, the costliest first", highlight=False)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("times", justify="right", no_wrap=True)
    table.add_column("byte", justify="right", no_wrap=True)
    for view in views:
        table.add_column(Text(plain(view.name)), overflow="fold")
    for one in found[:top]:
        cells = [_split(split, styles) for split in one.splits]
        table.add_row(f"{one.times:,}", f"{one.byte:,}", *cells)
    console.print(table)
    if len(found) > top:
        console.print(f"… and {len(found) - top:,} more ways (--html and --json have all)")


def _split(split: Sequence[bytes], styles: Sequence[str]) -> Text:
    out = Text()
    out.append(f"{len(split)} ", "bold")
    for text, style in _joined(split[:_LONGEST], styles):
        out.append(text, style)
    if len(split) > _LONGEST:
        out.append(" …")
    return out


def _joined(split: Sequence[bytes], styles: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, data in enumerate(split):
        if at and not styles:
            yield _BAR, ""
        yield plain(data), styles[at % len(styles)] if styles else ""
