"""The tokenizer report as one HTML page; its drawings are SVG within it."""

import math
from collections.abc import Callable, Sequence

from gristmill.tokenize.coverage import Coverage, ListedToken
from gristmill.tokenize.fertility import Fertility, Rates
from gristmill.tokenize.fertility_terminal import coverage_lines, meanings, number, share
from gristmill.tokenize.html_page import clean, page, table

_STYLE = """
svg { display: block; max-width: 100%; height: auto }
svg text { fill: currentColor; font: 12px system-ui, sans-serif } .end { text-anchor: end }
.b0 { fill: #3b82c4 } .b1 { fill: #c98a00 } .b2 { fill: #b0569f } .b3 { fill: #3a9a5b }
.k0 { stroke: #3b82c4 } .k1 { stroke: #c98a00 } .k2 { stroke: #b0569f } .k3 { stroke: #3a9a5b }
.curve { fill: none; stroke-width: 2 } .grid { stroke: var(--line) }
.one { stroke: var(--ink); stroke-dasharray: 3 3 }
ul.keys { list-style: none; padding: 0; margin: .3rem 0; display: flex; flex-wrap: wrap; gap: 1rem }
.keys svg { display: inline; vertical-align: -1px; margin-inline-end: .3rem }
"""
#: Languages drawn; the tables have all.
_MOST_DRAWN = 40
_LEFT, _WIDTH, _BAR, _GAP = 110, 720, 13, 9


def fertility_page(found: Fertility, note: str = "") -> str:
    """Return the page.

    Args:
        found: the figures.
        note: said at the top, such as what part of the files was read.
    """
    names = [one.name for one in found.tokenizers]
    body = [
        "<main>",
        "<h1>Tokenizer report</h1>",
        *([f'<p class="muted">{clean(note)}</p>'] if note else []),
        "<h2>Compression</h2>",
        _compression(found),
        *_cost(found),
        "<h2>Bytes a token, by language (more is better)</h2>",
        _keys(names),
        _bars(found, lambda k, label: found.tokenizers[k].languages[label].bytes_per_token),
        *(part for k in range(len(names)) for part in _tokenizer(found, k)),
        "<h2>How few ids make most of the text</h2>",
        _keys(names),
        _curves([one.coverage for one in found.tokenizers]),
        *(f'<p class="muted">{clean(line)}</p>' for line in meanings(found)),
        "</main>",
    ]
    return page("Tokenizer report: " + ", ".join(names), body, _STYLE)


def _compression(found: Fertility) -> str:
    first = found.tokenizers[0].total.tokens
    rows = []
    for one in found.tokenizers:
        total = one.total
        rows.append(
            [
                clean(one.name) + (" (to compare with)" if one.baseline else ""),
                f"{one.vocab_size:,}",
                f"{total.tokens:,}",
                f"× {total.tokens / first:.3f}" if first else "–",
                number(total.bytes_per_token),
                number(total.characters_per_token),
                number(total.rates.per_word),
                number(total.rates.per_document, 1),
                share(total.broken, total.tokens),
                share(total.byte_fallback, total.tokens),
                f"{one.coverage.used_share:.1%}",
            ]
        )
    head = ["tokenizer", "ids", "tokens", "relative", "bytes/token", "chars/token", "tokens/word"]
    head += ["tokens/document", "broken", "single bytes", "ids used"]
    return table(head, rows)


def _cost(found: Fertility) -> list[str]:
    if found.english is None:
        return []
    english = clean(found.english)
    names = [one.name for one in found.tokenizers]
    return [
        f"<h2>What a word costs, relative to {english} = 1</h2>",
        _keys(names),
        _bars(found, lambda k, label: found.relative(k, label).per_word, unit=True),
    ]


def _keys(names: Sequence[str]) -> str:
    items = (
        f'<li><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" '
        f'class="b{k % 4}"/></svg>{clean(name)}</li>'
        for k, name in enumerate(names)
    )
    return f'<ul class="keys">{"".join(items)}</ul>'


def _bars(
    found: Fertility, value: Callable[[int, str], float | None], *, unit: bool = False
) -> str:
    """Draw a bar for each tokenizer under each language; ``unit`` marks where 1 is."""
    n, lines = len(found.tokenizers), []
    values = {
        label: [value(k, label) for k in range(n)] for label in list(found.sizes)[:_MOST_DRAWN]
    }
    most = max((v for row in values.values() for v in row if v), default=1.0)
    scale = (_WIDTH - _LEFT - 60) / most
    y = 4.0
    for label, row in values.items():
        lines.append(
            f'<text x="{_LEFT - 8}" y="{y + n * _BAR / 2 + 4:.1f}" class="end">'
            f"{clean(label)}</text>"
        )
        for k, v in enumerate(row):
            width = (v or 0) * scale
            lines.append(
                f'<rect x="{_LEFT}" y="{y:.1f}" width="{width:.1f}" height="{_BAR - 2}" '
                f'class="b{k % 4}"/><text x="{_LEFT + width + 5:.1f}" y="{y + _BAR - 3:.1f}">'
                f"{number(v)}</text>"
            )
            y += _BAR
        y += _GAP
    if unit:
        x = _LEFT + scale
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{y:.0f}" class="one"/>')
    return _svg(_WIDTH, y, lines, "bars; the tables below have the same figures")


def _curves(coverages: Sequence[Coverage]) -> str:
    """Draw the share of all tokens that the commonest ids make up, over a logarithmic axis."""
    height, bottom = 260, 230
    widest = max((c.curve[-1][0] for c in coverages if c.curve), default=1)
    across = (_WIDTH - _LEFT - 60) / max(math.log10(widest), 1)
    lines = []
    for part in (0, 0.25, 0.5, 0.75, 1):
        y = bottom - 220 * part
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 60}" y1="{y}" y2="{y}" class="grid"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 4}" class="end">{part:.0%}</text>')
    for power in range(int(math.log10(widest)) + 1):
        x = _LEFT + power * across
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}">{10**power:,} ids</text>')
    for k, coverage in enumerate(coverages):
        points = " ".join(
            f"{_LEFT + math.log10(n) * across:.1f},{bottom - 220 * s:.1f}"
            for n, s in coverage.curve
        )
        lines.append(f'<polyline points="{points}" class="curve k{k % 4}"/>')
    return _svg(_WIDTH, height, lines, "share of all tokens by number of commonest ids")


def _svg(width: float, height: float, lines: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'role="img" aria-label="{clean(label)}">{"".join(lines)}</svg>'
    )


def _tokenizer(found: Fertility, k: int) -> list[str]:
    one = found.tokenizers[k]
    head = ["language", "documents", "bytes", "words", "tokens", "tokens/word", "bytes/token"]
    head += ["chars/token", "tokens/document", "broken", "single bytes", "ids used"]
    head += ["× word", "× character", "× byte", "× document"]
    rows = []
    for label, figures in one.languages.items():
        size, rates, times = figures.size, figures.rates, found.relative(k, label)
        rows.append(
            [
                clean(label),
                f"{size.documents:,}",
                f"{size.bytes:,}",
                f"{size.words:,}",
                f"{figures.tokens:,}",
                number(rates.per_word),
                number(figures.bytes_per_token),
                number(figures.characters_per_token),
                number(rates.per_document, 1),
                share(figures.broken, figures.tokens),
                share(figures.byte_fallback, figures.tokens),
                f"{figures.ids_used:,}",
                *_ratios(times),
            ]
        )
    if one.baseline:
        return [f"<h2>{clean(one.name)} (to compare with)</h2>", table(head, rows)]
    used = [("longest that came", one.coverage.longest_used)]
    used += [("longest that never came", one.coverage.longest_unused)]
    used += [("commonest", one.coverage.commonest)]
    return [
        f"<h2>{clean(one.name)}</h2>",
        table(head, rows),
        *(f"<p>{clean(line)}</p>" for line in coverage_lines(one.coverage, one.total)[:2]),
        *(_listed(title, tokens) for title, tokens in used),
    ]


def _ratios(times: Rates) -> list[str]:
    return [
        number(v) for v in (times.per_word, times.per_character, times.per_byte, times.per_document)
    ]


def _listed(title: str, tokens: Sequence[ListedToken]) -> str:
    rows = [
        [f"<code>{clean(t.data)}</code>", f"{t.id}", f"{len(t.data)}", f"{t.count:,}"]
        for t in tokens
    ]
    body = table(["token", "id", "bytes", "times"], rows)
    return f"<details><summary>{title}</summary>{body}</details>"
