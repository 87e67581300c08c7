"""Pages planted to be caught: copies, near-copies, spam addresses, personal data, bad text."""

from dataclasses import replace

from gristmill.demo.dice import Dice
from gristmill.demo.model import Block, Page, Site, joiner, plain_text
from gristmill.demo.pages import spare_sentence, write_page

NEAR_LOW, NEAR_HIGH = 0.82, 0.93

#: Paths whose words or parts stand on datatrove's block lists (hard word, two soft words, or part).
SPAM_PATHS = (
    "shop/viagra-offer.html",
    "cheap/viagra/pills.html",
    "order-viagra-online.html",
    "health/cialis.html",
    "cialis-and-viagra/prices.html",
    "buy/cialis/today.html",
    "lingerie-webcam-sale.html",
    "webcam/topless/beach.html",
    "lingerie/playboy-mugs.html",
    "webcam/escort/casino.html",
    "casino-viagra-bonus.html",
    "lottery/winner/cialis.html",
)
_PII = (
    ("email", "Write to {} before the end of the month.", "clerk@millbrook.example.com"),
    ("email", "The treasurer, {}, answers on Tuesdays.", "treasurer.box7@tansy.example.net"),
    ("ip", "The weather camera once answered at {} and may do so again.", "8.8.8.8"),
    ("ip", "Our clock asks {} for the time, which is rather grand.", "1.1.1.1"),
    ("ip", "The log shows a visitor from {} reading every page twice.", "9.9.9.9"),
    ("phone", "Ring {} and let it ring, the hall is a long one.", "(202) 555-0143"),
    ("phone", "For the spare key telephone +1 {} after supper.", "202-555-0187"),
    (
        "card",
        "The sample form shows card number {}, which no bank would take.",
        "4111 1111 1111 1112",
    ),
)


def shingle_jaccard(left: str, right: str, n: int = 5) -> float:
    """Return the Jaccard similarity of the sets of ``n``-word runs (split at white space)."""
    sets = []
    for text in (left, right):
        words = text.lower().split()
        sets.append({tuple(words[i : i + n]) for i in range(len(words) - n + 1)})
    return len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))


def exact_copy(page: Page, site: Site, number: int) -> Page:
    """Return the page as another site would carry it: same words, other furniture."""
    return replace(page, site=site, path=f"mirror/{number:03d}.html", kind="exact duplicate")


def near_copy(page: Page, number: int) -> Page:
    """Return the page with single sentences exchanged until its similarity is in the range."""
    dice = Dice("near", page.url)
    target = (NEAR_LOW + dice.roll(100) / 100 * (NEAR_HIGH - NEAR_LOW)) + 0.01
    copy = replace(page, path=f"reprint/{number:03d}.html", kind="near duplicate")
    places = [
        (i, j)
        for i, block in enumerate(page.blocks)
        if block.kind == "p"
        for j in range(len(block.items))
    ]
    for step, (i, j) in enumerate(dice.shuffled(places)):
        items = list(copy.blocks[i].items)
        items[j] = spare_sentence(page, str(step))
        blocks = (*copy.blocks[:i], Block("p", tuple(items)), *copy.blocks[i + 1 :])
        changed = replace(copy, blocks=blocks)
        likeness = shingle_jaccard(plain_text(page), plain_text(changed))
        if likeness < NEAR_LOW:
            continue
        copy = changed
        if likeness < target:
            break
    return copy


def spam_pages(sites: tuple[Site, ...], paths: tuple[str, ...]) -> list[Page]:
    """Write ordinary pages under addresses that the block lists catch."""
    return [
        replace(write_page(sites[i % len(sites)], 9000 + i, "article", path), kind="spam")
        for i, path in enumerate(paths)
    ]


def pii_page(page: Page, number: int) -> Page:
    """Return the page with two to four sentences of reserved or invalid personal data."""
    dice = Dice("pii", page.url)
    chosen = dice.shuffled(_PII)[: dice.between(2, 4)]
    counts: dict[str, int] = {}
    lines = []
    for kind, sentence, value in chosen:
        counts[kind] = counts.get(kind, 0) + 1
        lines.append(sentence.format(value))
    blocks = (*page.blocks, Block("p", tuple(lines)))
    path = f"contact/{number:03d}.html"
    return replace(page, path=path, kind="pii", blocks=blocks, planted=counts)


def _spoiled(page: Page, kind: str) -> tuple[Block, ...]:
    """Return the page's blocks spoiled in the manner ``kind``."""
    between = joiner(page.site.language)
    sentences = [s for block in page.blocks if block.kind == "p" for s in block.items]
    if kind == "curly brackets":
        return (*page.blocks, Block("p", ("The template tag { date } was never filled in.",)))
    if kind == "placeholder":
        return (Block("p", ("Lorem ipsum stands here until the real text comes.",)), *page.blocks)
    if kind == "bullets":
        return (Block("pre", tuple(f"• {s}" for s in sentences)),)
    if kind == "repeated lines":
        return tuple(Block("p", (s,)) for s in sentences[:4] * 6)
    if kind == "no full stops":
        return tuple(Block("p", (s.rstrip(".") + " …more",)) for s in sentences)
    if kind == "symbols":
        tagged = (" #".join(["", *s.split()]) for s in sentences[:20])
        return tuple(Block("p", (line.strip(),)) for line in tagged)
    if kind == "script notice":
        notice = "Please enable JavaScript in your browser to read this page in full."
        return (Block("p", (notice,)), Block("p", tuple(sentences[:2])))
    numbers = (f"{i:02d} {i * 7 % 60:02d} {i * 13 % 97} {i * 31 % 89}" for i in range(90))
    return (Block("p", (between.join(numbers),)), *page.blocks[:1])


SPOILS = (
    "curly brackets",
    "placeholder",
    "bullets",
    "repeated lines",
    "no full stops",
    "symbols",
    "script notice",
    "numbers",
)


def spoiled_pages(sites: tuple[Site, ...], each: int) -> list[Page]:
    """Write ``each`` pages of every kind in :data:`SPOILS`."""
    pages = []
    for i in range(each * len(SPOILS)):
        kind = SPOILS[i % len(SPOILS)]
        page = write_page(sites[i % len(sites)], 8000 + i, "article", f"misc/{i:03d}.html")
        pages.append(replace(page, kind=kind, blocks=_spoiled(page, kind)))
    return pages
