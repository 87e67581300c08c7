"""Tokens as one HTML page: tokenizers side by side, what they cut in different ways marked."""

from collections.abc import Iterator, Sequence
from html import escape

from gristmill.tokenize.html_page import clean, page, table
from gristmill.tokenize.token_terminal import notes
from gristmill.tokenize.token_view import Token, TokenView, differences, differing
from gristmill.tokenize.visible import fragments

#: Differences in the table; ``--json`` has all.
_MOST_DIFFERENCES = 500
#: Rows of the table of all tokens, which is for those who cannot point at them.
_MOST_ROWS = 3000

_STYLE = """
.views { display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)) }
.views > section { min-width: 0 }
.tokens { padding: .75rem; border: 1px solid var(--line); border-radius: 6px; line-height: 1.9;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14px }
.t { border-radius: 3px; padding: 2px 0; unicode-bidi: isolate; color: var(--ink);
  -webkit-box-decoration-break: clone; box-decoration-break: clone }
.p { margin-inline-start: 3px } i { font-style: normal; color: var(--marker) }
.c0 { background: var(--c0) } .c1 { background: var(--c1) }
.c2 { background: var(--c2) } .c3 { background: var(--c3) }
.d { box-shadow: inset 0 -2px 0 var(--accent) }
.same { outline: 2px solid var(--ink) } .over { outline: 2px dashed var(--accent) }
label { margin-inline-end: 1.25rem }
#fade:checked ~ .views .t:not(.d) { background: none; color: var(--muted) }
#ids:checked ~ .views .t::after { content: attr(data-i); font-size: 9px; vertical-align: sub;
  color: var(--marker); margin-inline-start: 1px }
#fade:checked ~ .views .t:not(.d) i, #fade:checked ~ .views .t:not(.d)::after {
  color: var(--muted) }
details .wide { max-height: 30rem; overflow: auto }
#told { display: block; position: sticky; bottom: 0; min-height: 2.1rem; margin-top: 1rem;
  padding: .3rem 0; background: var(--page); border-top: 1px solid var(--line) }
@media (forced-colors: active) { .t { border: 1px solid } }
"""

#: Hover or arrow keys: the same token elsewhere, and what covers its place in the other columns.
_SCRIPT = """
(() => {
  const columns = [...document.querySelectorAll('.tokens')].map(e => [...e.querySelectorAll('.t')]);
  const starts = columns.map(c => c.map(t => +t.dataset.b));
  const told = document.getElementById('told');
  told.textContent = 'Point at a token, or move through them with Tab and the arrow keys.';
  const column = t => columns.findIndex(c => c.includes(t));
  const last = (list, value) => {  // the last place whose value is at most this
    let low = 0, high = list.length;
    while (low < high) { const m = (low + high) >> 1; list[m] <= value ? low = m + 1 : high = m; }
    return low - 1;
  };
  let marked = [];
  const mark = (t, name) => { t.classList.add(name); marked.push([t, name]); };
  const clear = () => { marked.forEach(([t, name]) => t.classList.remove(name)); marked = []; };
  const show = t => {
    clear();
    const k = column(t), at = columns[k].indexOf(t), from = starts[k][at];
    const to = at + 1 < starts[k].length ? starts[k][at + 1] : Infinity;
    const same = columns[k].filter(o => o.dataset.i === t.dataset.i);
    same.forEach(o => mark(o, 'same'));
    columns.forEach((c, j) => {
      if (j === k || !c.length) return;
      for (let n = Math.max(0, last(starts[j], from)); n < c.length && starts[j][n] < to; n++)
        mark(c[n], 'over');
    });
    told.textContent = t.title + ' \\u00b7 ' + same.length + (same.length > 1 ? ' times' : ' time');
  };
  const token = e => e.target.closest && e.target.closest('.t');
  document.addEventListener('pointerover', e => { const t = token(e); t ? show(t) : clear(); });
  document.addEventListener('focusin', e => { const t = token(e); if (t) show(t); });
  document.addEventListener('keydown', e => {
    if (e.key === 'Escape') clear();
    const t = token(e);
    if (!t) return;
    const k = column(t), at = columns[k].indexOf(t), c = columns[k];
    const beside = j => columns[j] && columns[j][Math.max(0, last(starts[j], starts[k][at]))];
    const next = { ArrowRight: c[at + 1], ArrowLeft: c[at - 1], Home: c[0], End: c[c.length - 1],
                   ArrowDown: beside(k + 1), ArrowUp: beside(k - 1) }[e.key];
    if (!next) return;
    e.preventDefault();
    t.tabIndex = -1; next.tabIndex = 0; next.focus();
  });
  columns.forEach(c => { if (c[0]) c[0].tabIndex = 0; });
})();
"""


def token_page(views: Sequence[TokenView], note: str = "") -> str:
    """Return the page.

    Args:
        views: of one text.
        note: said above the tokens, such as that the text was cut short.
    """
    many = len(views) > 1
    switches = '<input type="checkbox" id="ids"> <label for="ids">show ids</label>'
    if many:
        switches += (
            ' <input type="checkbox" id="fade"> <label for="fade">fade what all cut alike</label>'
        )
    body = [
        "<main>",
        "<h1>Tokens</h1>",
        '<p class="muted">· space, → tab, ↵ line break, ⟨e2 82⟩ bytes that are no whole character, '
        "⟨U+200B⟩ an invisible character; a gap: a piece of pre-tokenisation begins"
        + ("; underlined: cut in different ways.</p>" if many else ".</p>"),
        *([f"<p><strong>{clean(note)}</strong></p>"] if note else []),
        _counts(views),
        "<h2>Text</h2>",
        switches,
        '<div class="views">',
        *(_column(v, m) for v, m in zip(views, differing(views), strict=True)),
        "</div>",
        '<output id="told" class="mono" aria-live="polite"></output>',
        *_differences(views),
        "</main>",
    ]
    return page("Tokens: " + ", ".join(v.name for v in views), body, _STYLE, _SCRIPT)


def _counts(views: Sequence[TokenView]) -> str:
    head = ["tokenizer", "ids", "tokens", "relative", "characters", "bytes", "chars/token"]
    head += ["bytes/token", "broken tokens", "pieces"]
    fewest = min((view.counts.tokens for view in views), default=0)
    rows = []
    for view in views:
        n = view.counts
        rows.append(
            [
                clean(view.name),
                f"{view.vocab_size:,}",
                f"<strong>{n.tokens:,}</strong>",
                f"× {n.tokens / fewest:.2f}" if fewest else "–",
                f"{n.characters:,}",
                f"{n.bytes:,}",
                f"{n.characters_per_token:.2f}",
                f"{n.bytes_per_token:.2f}",
                f"{n.broken:,}",
                "–" if n.pieces is None else f"{n.pieces:,}",
            ]
        )
    return table(head, rows)


def _differences(views: Sequence[TokenView]) -> Iterator[str]:
    if len(views) < 2:
        return
    if not all(view.exact for view in views):
        yield "<p>Not compared: a tokenizer changes the text first.</p>"
        return
    found = differences(views)
    if not found:
        yield "<p>All tokenizers cut this text in the same way.</p>"
        return
    rows = [
        [
            f"{one.times:,}",
            f"{one.byte:,}",
            *(f"{len(s)}&ensp;{''.join(_plain_token(at, t) for at, t in enumerate(s))}"
              for s in one.splits),
        ]
        for one in found[:_MOST_DIFFERENCES]
    ]  # fmt: skip
    head = ["times", "first byte", *(clean(view.name) for view in views)]
    cut = f", {_MOST_DIFFERENCES} shown" if len(found) > _MOST_DIFFERENCES else ""
    yield f"<details open><summary>Where they differ: {len(found):,} ways, the costliest first{cut}"
    yield f"</summary>{_left(table(head, rows, left=len(head)))}</details>"


def _left(html: str) -> str:
    return f'<div class="mono">{html}</div>'


def _plain_token(at: int, data: bytes) -> str:
    return f'<span class="t c{at % 4}">{_shown(data).replace(chr(10), "")}</span>'


def _column(view: TokenView, apart: Sequence[bool]) -> str:
    name = clean(view.name)
    spans = "".join(
        _token(at, t, d) for at, (t, d) in enumerate(zip(view.tokens, apart, strict=True))
    )
    many = len(view.tokens) > _MOST_ROWS
    listed = f"the first {_MOST_ROWS:,} tokens" if many else "all tokens"
    said = "".join(f'<p class="muted">{escape(line)}</p>' for line in notes(view))
    return (
        f'<section aria-label="{name}"><h2>{name}: {view.counts.tokens:,} tokens</h2>{said}'
        f'<div class="tokens mono" dir="ltr" role="group" aria-label="tokens of {name}">{spans}'
        f"</div><details><summary>{listed} as a table</summary>{_listing(view)}</details>"
        "</section>"
    )


def _token(at: int, token: Token, apart: bool) -> str:
    names = f"t c{at % 4}{' p' if token.new_piece and at else ''}{' d' if apart else ''}"
    shown = _shown(token.data)
    after = "</span>"
    if shown.endswith("\n</i>"):  # the id that CSS may put at the end belongs on this line
        shown, after = shown.removesuffix("\n</i>") + "</i>", "</span>\n"
    return (
        f'<span class="{names}" data-i="{token.id}" data-b="{token.byte}" title="{_title(token)}">'
        f"{shown}{after}"
    )


def _title(token: Token) -> str:
    """Return id, bytes and place; the text itself stands in the token."""
    rank = "" if token.rank is None else f" · merge {token.rank}"
    special = " · special" if token.special else ""
    return (
        f"id {token.id} · bytes {token.data.hex(' ')}{rank}{special} · "
        f"at character {token.char}, byte {token.byte}"
    )


def _shown(data: bytes) -> str:
    return "".join(
        f"<i>{escape(text)}</i>" if marker else escape(text) for text, marker in fragments(data)
    )


def _listing(view: TokenView) -> str:
    rows = [
        [
            f"{at:,}",
            f"{t.id}",
            f'<span class="mono">{_shown(t.data).replace(chr(10), "")}</span>',
            f'<span class="mono">{t.data.hex(" ")}</span>',
            "–" if t.rank is None else f"{t.rank}",
            "yes" if t.special else "no",
            f"{t.char:,}",
            f"{t.byte:,}",
        ]
        for at, t in enumerate(view.tokens[:_MOST_ROWS])
    ]
    return table(
        ["#", "id", "text", "bytes", "merge", "special", "character", "byte"], rows, left=4
    )
