"""Six looks of a web page: the same content in different amounts of boilerplate."""

import json
from collections.abc import Callable
from html import escape

from gristmill.demo.dice import Dice
from gristmill.demo.grammar import Voice, load_bank
from gristmill.demo.model import Block, Page, joiner

_STYLE = "<style>body{font:16px/1.5 serif;margin:0}nav a{padding:.4em}.side{float:right}</style>"
_SCRIPT = "<script>window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments)}"


def _items(tag: str, items: tuple[str, ...]) -> str:
    return f"<{tag}>" + "".join(f"<li>{escape(item)}</li>" for item in items) + f"</{tag}>"


def _rows(items: tuple[str, ...], row: str, outer: str) -> str:
    cells = (item.partition("|") for item in items)
    body = "".join(row.format(escape(left), escape(right)) for left, _, right in cells)
    return f"<{outer}>{body}</{outer}>"


def _paragraph(items: tuple[str, ...], between: str) -> str:
    return f"<p>{escape(between.join(items), quote=False)}</p>"


def block_html(block: Block, between: str) -> str:
    """Return one block as HTML; ``between`` joins sentences."""
    kind, items = block.kind, block.items
    renderers: dict[str, Callable[[], str]] = {
        "p": lambda: _paragraph(items, between),
        "h2": lambda: f"<h2>{escape(items[0])}</h2>",
        "ul": lambda: _items("ul", items),
        "ol": lambda: _items("ol", items),
        "post": lambda: (
            f'<div class="post"><div class="author">{escape(items[0])}</div>'
            f"{_paragraph(items[1:], between)}</div>"
        ),
        "table": lambda: _rows(items, "<tr><th>{}</th><td>{}</td></tr>", "table"),
        "dl": lambda: _rows(items, "<dt>{}</dt><dd>{}</dd>", "dl"),
        "links": lambda: (
            '<ul class="tags">'
            + "".join(f'<li><a href="/tag/{i}">{escape(t)}</a></li>' for i, t in enumerate(items))
            + "</ul>"
        ),
        "pre": lambda: "".join(f"<p>{escape(line)}</p>" for line in items),
        "raw": lambda: "".join(items),
    }
    return renderers[kind]()


class _Frame:
    """The furniture around one page, in the page's language."""

    def __init__(self, page: Page, salt: str) -> None:
        self.page = page
        self.dice = Dice("layout", page.url, salt)
        self.voice = Voice(self.dice, (load_bank(page.site.language, "common"),), {})
        between = joiner(page.site.language)
        self.main = "\n".join(block_html(block, between) for block in page.blocks)
        self.title = escape(page.title)
        self.name = escape(page.site.name)

    def links(self, count: int) -> str:
        words = self.voice.words("nav", count)
        return "".join(f'<a href="/{i}">{escape(word)}</a>' for i, word in enumerate(words))

    def side(self, count: int) -> str:
        words = self.voice.words("aside", count)
        entries = "".join(f'<li><a href="/s{i}">{escape(w)}</a></li>' for i, w in enumerate(words))
        return f'<aside class="side sidebar"><ul>{entries}</ul></aside>'

    def cookie(self) -> str:
        return f'<div class="cookie-banner" role="dialog">{escape(self.one("cookie"))}</div>'

    def footer(self) -> str:
        return f'<footer class="footer"><p>{escape(self.one("footer"))}</p>{self.links(3)}</footer>'

    def comments(self) -> str:
        entries = "".join(
            f'<li class="comment"><b>{escape(self.one("first"))}</b><p>{escape(words)}</p></li>'
            for words in self.voice.words("comment", 1 + self.dice.roll(3))
        )
        return f'<div id="comments" class="comments"><ol>{entries}</ol></div>'

    def data(self) -> str:
        about = {"@type": "Article", "headline": self.page.title, "publisher": self.page.site.name}
        text = json.dumps(about, ensure_ascii=False)
        return f'<script type="application/ld+json">{text}</script>'

    def one(self, name: str) -> str:
        return self.voice.words(name, 1)[0]


def _document(frame: _Frame, body: str, *, head: str = "", doctype: str = "html") -> str:
    return (
        f'<!DOCTYPE {doctype}>\n<html lang="{frame.page.site.language}"><head>'
        f"<title>{frame.title} - {frame.name}</title>{head}</head>\n<body>{body}</body></html>\n"
    )


def _blog(f: _Frame) -> str:
    body = (
        f"<header><a href='/'>{f.name}</a><nav>{f.links(6)}</nav></header>{f.cookie()}"
        f"<main><article><h1>{f.title}</h1>{f.main}</article>{f.comments()}</main>"
        f"{f.side(6)}{f.footer()}"
    )
    return _document(f, body, head=f"{_STYLE}{f.data()}")


def _old_table(f: _Frame) -> str:
    body = (
        f'<table width="800"><tr><td class="menu">{f.links(7)}</td></tr></table>'
        f'<div class="content" id="content"><h1>{f.title}</h1>{f.main}<hr></div>'
        f"<center>{f.one('footer')}</center>"
    )
    return _document(f, body, doctype='HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"')


def _magazine(f: _Frame) -> str:
    crumbs = f'<div class="breadcrumbs"><a href="/">{f.name}</a> &raquo; {f.links(2)}</div>'
    body = (
        f"{f.cookie()}<nav class='menu'>{f.links(8)}</nav>{crumbs}<div class='share'>{f.links(3)}"
        f"</div><div class='entry-content post'><h1>{f.title}</h1>{f.main}</div>{f.side(8)}"
        f"{f.comments()}{f.footer()}{_SCRIPT};gtag('js',1)</script>"
    )
    return _document(f, body, head=f"{_STYLE}<meta property='og:title' content='{f.title}'>")


def _plain(f: _Frame) -> str:
    return _document(
        f, f"<article><h1>{f.title}</h1>\n{f.main}</article>\n<p><a href='/'>{f.name}</a></p>"
    )


def _portal(f: _Frame) -> str:
    body = (
        f"<div id='header'><ul>{f.links(5)}</ul></div><div id='wrap'>{f.side(7)}"
        f"<div id='main-content' role='main'><h1>{f.title}</h1>{f.main}</div></div>"
        f"<div id='related'>{f.side(5)}</div>{f.footer()}"
    )
    return _document(f, body, head=f"{_STYLE}{_SCRIPT}</script>")


def _noscript(f: _Frame) -> str:
    body = (
        "<noscript>This page works best with scripts.</noscript>"
        f"<nav>{f.links(4)}</nav><section class='article-body'><h1>{f.title}</h1>"
        f"{f.main}</section><form class='newsletter'><input name='q'></form>{f.footer()}"
    )
    return _document(f, body, head=f"{f.data()}{_STYLE}")


LAYOUTS: tuple[Callable[[_Frame], str], ...] = (
    _blog,
    _old_table,
    _magazine,
    _plain,
    _portal,
    _noscript,
)


def page_html(page: Page, layout: int | None = None) -> str:
    """Return the page as an HTML document, in its site's look or in look number ``layout``."""
    number = page.site.layout if layout is None else layout
    return LAYOUTS[number % len(LAYOUTS)](_Frame(page, str(number)))
