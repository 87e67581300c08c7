"""Pieces of Markdown that nothing from outside can break out of."""

import re
from collections.abc import Sequence

# May stand in a code span, in a table too: no backtick, backslash or bar.
_SAFE = r"\w.,:;=/@+()<>\[\]{}'\"*!?#$%^&~-"
_CODE = re.compile(rf"[{_SAFE}](?:[ {_SAFE}]*[{_SAFE}])?")
_PLAIN = frozenset(" .,'()-")


def plain(text: str) -> str:
    """Return text that is read as itself; what could be markup is an entity.

    It stays on one line, but may not begin one: ``1.`` begins a list.

    >>> plain("a|b <i>")
    'a&#124;b &#60;i&#62;'
    """
    characters = (c if c.isprintable() else " " for c in text)
    return "".join(
        c if c.isalnum() or c in _PLAIN or not c.isascii() else f"&#{ord(c)};" for c in characters
    ).strip()


def code(text: str) -> str:
    """Return a name as a code span, or as plain text where it cannot stand in one."""
    return f"`{text}`" if text.isprintable() and _CODE.fullmatch(text) else plain(text)


def fenced(text: str, language: str) -> str:
    """Return a block of code, fenced by more backticks than it holds in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Return a table. Numbers stand right, with commas; strings are Markdown already.

    Args:
        columns: titles; with `` #`` at the end the column is set to the right.
        rows: as many cells each as there are columns.
    """
    titles = [column.removesuffix(" #") for column in columns]
    rules = ["--:" if column.endswith(" #") else "---" for column in columns]
    lines = [titles, rules, *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell
