"""What a page of the sample crawl is, before and after it becomes HTML."""

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True)
class Site:
    """One invented web site: a line of ``text/sites.txt``."""

    host: str
    name: str
    language: str
    topic: str
    layout: int


@dataclass(frozen=True)
class Block:
    """A piece of a page: ``kind`` is an HTML-like name, ``items`` its sentences or rows.

    Kinds: ``p`` (sentences of one paragraph), ``h2`` (one heading), ``ul`` and ``ol`` (entries),
    ``post`` (author, then sentences), ``table`` and ``dl`` (rows ``left|right``), ``links``
    (entries), ``pre`` (lines), ``raw`` (HTML as it stands).
    """

    kind: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A written page: its address, what kind it is, and its content."""

    site: Site
    path: str
    kind: str
    title: str
    blocks: tuple[Block, ...]
    planted: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Absolute address."""
        return f"https://{self.site.host}/{self.path}"


@dataclass(frozen=True)
class Capture:
    """A page as the crawler received it."""

    url: str
    language: str
    kind: str
    body: bytes
    content_type: str = "text/html; charset=UTF-8"
    status: str = "200 OK"
    truncated: str = ""
    damaged: bool = False
    notes: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=1)
def load_sites() -> tuple[Site, ...]:
    """Return the invented sites in file order."""
    text = (files("gristmill.demo") / "text" / "sites.txt").read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.strip()]
    return tuple(
        Site(host, name, language, topic, int(layout))
        for host, name, language, topic, layout in rows
    )


def joiner(language: str) -> str:
    """Return what stands between two sentences: nothing in Chinese and Japanese."""
    return "" if language in {"ja", "zh"} else " "


def plain_text(page: Page) -> str:
    """Return the words a reader sees in the main part of a page."""
    lines = [page.title]
    for block in page.blocks:
        between = joiner(page.site.language) if block.kind in {"p", "post"} else "\n"
        lines.append(between.join(block.items).replace("|", " "))
    return "\n".join(lines)
