"""The tokenizer report as tables."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gristmill.tokenize.coverage import Coverage, ListedToken
from gristmill.tokenize.fertility import Fertility, LanguageFigures
from gristmill.tokenize.visible import plain

_BAR = 12
#: Terminals of so many columns also get single bytes and bars.
_WIDE = 100
_ALL = "all"


def print_fertility(console: Console, found: Fertility, *, top: int = 20) -> None:
    """Print texts and compression, then each tokenizer by language, then its vocabulary.

    Args:
        console: where to.
        found: the figures.
        top: languages to list: English, and those with most text.
    """
    shown = list(found.sizes)[: max(top, 1)]
    console.print(compression_table(found, shown))
    if left := len(found.sizes) - len(shown):
        console.print(f"… and {left:,} more languages (--top, --html and --json show them)\n")
    for number, one in enumerate(found.tokenizers):
        if not one.baseline:
            console.print(_language_table(found, number, shown, wide=console.width >= _WIDE))
            for line in coverage_lines(one.coverage, one.total):
                console.print(Text(line), soft_wrap=True)
            console.print()
    for line in meanings(found):
        console.print(Text(line, style="dim"), soft_wrap=True)


def compression_table(found: Fertility, shown: Sequence[str]) -> Table:
    """Return bytes a token of every tokenizer, by language, and the texts they come from."""
    table = Table(title="bytes a token (more is better)", title_justify="left")
    table.box = box.SIMPLE_HEAD
    table.add_column("language", no_wrap=True)
    for name in ("docs", "text", "words"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.tokenizers:
        table.add_column(Text(plain(one.name)), justify="right", overflow="fold")
    for label in shown:
        size = found.sizes[label]
        cells = [number(one.languages[label].bytes_per_token) for one in found.tokenizers]
        table.add_row(
            Text(plain(label)),
            f"{size.documents:,}",
            in_bytes(size.bytes),
            f"{size.words:,}",
            *cells,
        )
    first = found.tokenizers[0].total
    sizes = (f"{first.size.documents:,}", in_bytes(first.size.bytes), f"{first.size.words:,}")
    table.add_section()
    cells = [number(one.total.bytes_per_token) for one in found.tokenizers]
    table.add_row(_ALL, *sizes, *cells, style="bold")
    tokens = [f"{one.total.tokens:,}" for one in found.tokenizers]
    table.add_row("tokens", "", "", "", *tokens)
    against = [f"× {one.total.tokens / first.tokens:.3f}" if first.tokens else "–"
               for one in found.tokenizers]  # fmt: skip
    table.add_row("tokens ×", "", "", "", *against)
    return table


def _language_table(found: Fertility, at: int, shown: Sequence[str], *, wide: bool) -> Table:
    one = found.tokenizers[at]
    title = f"{plain(one.name)}: {one.vocab_size:,} ids, tokens by language"
    table = Table(title=Text(title), title_justify="left", padding=(0, 1, 0, 0))
    table.box = box.SIMPLE_HEAD
    table.add_column("language", no_wrap=True)
    names = ["tok/word", "char/tok", "tok/doc", "broken", "bytes", "ids", "×word", "×char", "×byte"]
    for name in names if wide else [name for name in names if name != "bytes"]:
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column("", no_wrap=True)
    dearest = max((found.relative(at, x).per_word or 0 for x in shown), default=0)
    for label in shown:
        times = found.relative(at, label)
        bar = round(_BAR * times.per_word / dearest) if times.per_word and dearest else 0
        cells = _cells(one.languages[label], wide=wide)
        ratios = [number(r) for r in (times.per_word, times.per_character, times.per_byte)]
        table.add_row(Text(plain(label)), *cells, *ratios, *(["█" * bar] * wide))
    table.add_section()
    table.add_row(_ALL, *_cells(one.total, wide=wide), style="bold")
    return table


def _cells(figures: LanguageFigures, *, wide: bool) -> list[str]:
    return [
        number(figures.rates.per_word),
        number(figures.characters_per_token),
        number(figures.rates.per_document, 1),
        share(figures.broken, figures.tokens),
        *([share(figures.byte_fallback, figures.tokens)] * wide),
        f"{figures.ids_used:,}",
    ]


def coverage_lines(coverage: Coverage, total: LanguageFigures) -> list[str]:
    """Return how the vocabulary is used, in sentences."""
    for_shares = ", ".join(f"{n:,} ids make {s:.0%}" for s, n in coverage.ids_for.items())
    return [
        f"vocabulary: {coverage.used:,} of {coverage.ids:,} ids came ({coverage.used_share:.1%}), "
        f"{coverage.unused:,} never; {for_shares} of all tokens",
        f"not whole characters: {coverage.undecodable:,} ids, "
        f"{share(total.broken, total.tokens)} of all tokens; single bytes of characters: "
        f"{share(total.byte_fallback, total.tokens)}",
        f"longest that came: {_listed(coverage.longest_used)}",
        f"longest that never came: {_listed(coverage.longest_unused)}",
    ]


def meanings(found: Fertility) -> list[str]:
    """Return what the columns mean."""
    lines = [
        "words: runs of letters, digits and marks; each letter of a script without spaces "
        "(Chinese, Japanese, Thai …) is one, so compare those languages by character or byte",
        "broken: tokens that are not whole characters; bytes: those of a single byte; "
        "ids: different ones that came",
    ]
    if found.english is None:
        return [*lines, "no English text: nothing to relate the cost of languages to"]
    return [
        *lines,
        f"×: tokens a word, a character, a byte, relative to {plain(found.english)}; where "
        "documents are translations of each other, tok/doc relates them best",
    ]


def number(value: float | None, places: int = 2) -> str:
    """Return a figure, or a dash where there is none."""
    return "–" if value is None else f"{value:,.{places}f}"


def in_bytes(size: int) -> str:
    """Return a size as people read it."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size} B"


def share(part: int, whole: int) -> str:
    """Return a share in per cent."""
    return f"{part / whole:.1%}" if whole else "–"


def _listed(tokens: Sequence[ListedToken], most: int = 5) -> str:
    names = [f"{_short(token.data)} ({len(token.data)} bytes)" for token in tokens[:most]]
    return "  ".join(names) or "none"


def _short(data: bytes) -> str:
    shown = plain(data)
    return shown if len(shown) <= 24 else f"{shown[:23]}…"
