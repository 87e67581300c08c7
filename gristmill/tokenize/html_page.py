"""The frame of our HTML pages: one file, nothing loaded, light and dark, safe for any text.

The content security policy lets in the page's own style and script, by their hashes, and nothing
else: what a text might smuggle in would neither run nor load.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from gristmill.tokenize.palette import DARK, LIGHT, Theme
from gristmill.tokenize.visible import plain

_STYLE = """
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.25rem; max-width: 110rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.35rem; margin: 0 0 .25rem } h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem }
p { margin: .3rem 0 } .muted { color: var(--muted) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto }
th, td { padding: .2rem .7rem .2rem 0; text-align: right; border-bottom: 1px solid var(--line) }
th { font-weight: 600; vertical-align: bottom } td.l, th.l { text-align: left }
code, .mono { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
a, summary { color: var(--accent) } summary { cursor: pointer; margin: .4rem 0 }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
"""


def page(title: str, body: Sequence[str], style: str = "", script: str = "") -> str:
    """Return a whole page.

    Args:
        title: any text; escaped here.
        body: pieces of HTML, escaped already.
        style: CSS beside what all pages share; attributes of that name would be refused.
        script: JavaScript without which the page also works.
    """
    css = f"{_colours()}{_STYLE}{style}"
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {_hash(css)}"
    if script:
        policy += f"; script-src {_hash(script)}"
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{clean(title)}</title>",
        f"<style>{css}</style>",
        "</head>",
        "<body>",
        *body,
        *([f"<script>{script}</script>"] if script else []),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def clean(text: str | bytes) -> str:
    """Return any text for HTML, in element or attribute: escaped, nothing invisible in it."""
    return escape(plain(text).replace("·", " ") if isinstance(text, str) else plain(text))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table; cells are HTML already, the first ``left`` columns stand to the left."""

    def cells(tag: str, row: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        mark = ' class="l"'
        return "".join(
            f"<{tag}{mark if at < left else ''}{scope}>{cell}</{tag}>"
            for at, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _colours() -> str:
    return (
        f":root {{ color-scheme: light dark; {_variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}"
    )


def _variables(theme: Theme) -> str:
    named = {name: value for name, value in vars(theme).items() if name != "tokens"}
    named |= {f"c{at}": colour for at, colour in enumerate(theme.tokens)}
    return "; ".join(f"--{name}: {value}" for name, value in named.items())
