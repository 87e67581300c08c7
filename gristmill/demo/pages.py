"""Ordinary pages: articles, threads, recipes, lists and stubs, written from the banks."""

from collections.abc import Callable

from gristmill.demo.dice import Dice
from gristmill.demo.grammar import Bank, Section, Voice, load_bank
from gristmill.demo.model import Block, Page, Site

#: Share of each kind among a language's ordinary pages, in percent.
KINDS = {
    "article": 52,
    "faq": 10,
    "forum": 12,
    "how-to": 9,
    "product": 5,
    "glossary": 4,
    "events": 3,
    "stub": 3,
    "index": 2,
}
_EXTRA_SENTENCES = 3  # sentences of the common bank in each chapter


class Writer:
    """Writes the parts of one page. Every template is used once at most."""

    def __init__(self, site: Site, seed: str) -> None:
        self.site = site
        self.dice = Dice("page", site.host, seed)
        self.topic = load_bank(site.language, site.topic)
        self.common = load_bank(site.language, "common")
        self.voice = Voice(self.dice, (self.common, self.topic), self._cast())
        self._spare = [t for section in self.common.sections for t in section.sentences]
        self._spare = self.dice.shuffled(self._spare)

    def _cast(self) -> dict[str, str]:
        """Choose who and where this page is about; single words when a language has no lists."""
        slots = self.common.slots
        if "last" not in slots:
            return {"A": self.dice.pick(slots["first"]), "T": self.dice.pick(slots["town"])}
        first, second = self.dice.shuffled(slots["first"])[:2]
        last = self.dice.shuffled(slots["last"])
        return {
            "A": f"{first} {last[0]}",
            "B": f"{second} {last[1]}",
            "a": first,
            "b": second,
            "T": self.dice.pick(slots["town"]),
            "R": self.dice.pick(slots.get("river", ("the river",))),
        }

    def title(self) -> str:
        """Return a headline."""
        text = self.voice.expand(self.dice.pick(self.topic.slots["titles"]))
        return text[:1].upper() + text[1:]

    def heading(self, section: Section) -> str:
        """Return a sub-heading of a section."""
        return self.voice.sentence(self.dice.pick(section.headings))

    def sentences(self, section: Section, count: int, extra: int = _EXTRA_SENTENCES) -> list[str]:
        """Return ``count`` sentences of a section with up to ``extra`` common ones among them."""
        chosen = self.dice.shuffled(section.sentences)[:count]
        for _ in range(min(extra, len(self._spare))):
            chosen.insert(1 + self.dice.roll(len(chosen)), self._spare.pop())
        return [self.voice.sentence(template) for template in chosen]

    def paragraphs(
        self, section: Section, count: int, extra: int = _EXTRA_SENTENCES
    ) -> list[Block]:
        """Return the sentences of a section in paragraphs of three to six."""
        rest = self.sentences(section, count, extra)
        blocks = []
        while rest:
            size = len(rest) if len(rest) <= 6 else self.dice.between(3, 5)
            blocks.append(Block("p", tuple(rest[:size])))
            rest = rest[size:]
        return blocks

    def sections(self, count: int) -> list[Section]:
        """Return ``count`` sections of the topic in a drawn order."""
        return self.dice.shuffled(self.topic.sections)[:count]

    def things(self) -> list[str]:
        """Return the words of the topic's first own list (after the titles), else place names."""
        name = next((key for key in self.topic.slots if key != "titles"), "town")
        return self.voice.words(name, 12)


def _chapters(w: Writer, count: int, low: int, high: int) -> list[Block]:
    blocks: list[Block] = []
    headed = w.dice.chance(70)
    for section in w.sections(count):
        if headed and blocks:
            blocks.append(Block("h2", (w.heading(section),)))
        blocks += w.paragraphs(section, w.dice.between(low, high))
    return blocks


def _article(w: Writer) -> list[Block]:
    return _chapters(w, w.dice.between(4, 6), 5, 7)


def _faq(w: Writer) -> list[Block]:
    blocks: list[Block] = []
    for section in w.sections(5):
        subject = w.heading(section)
        question = w.dice.pick(w.common.slots["question"]).replace("*", subject)
        blocks += [Block("h2", (question,)), *w.paragraphs(section, 5)]
    return blocks


def _forum(w: Writer) -> list[Block]:
    posts = []
    for section in w.sections(6):
        author = w.dice.pick(w.common.slots["first"]) + str(w.dice.between(10, 99))
        posts.append(Block("post", (author, *w.sentences(section, w.dice.between(4, 6), 2))))
    return posts


def _how_to(w: Writer) -> list[Block]:
    first, second, *others = w.sections(4)
    steps = tuple(w.sentences(second, 7, 0))
    lists = [Block("ul", tuple(w.things()[:5])), Block("ol", steps)]
    blocks = w.paragraphs(first, 6) + lists
    return [*blocks, *(block for section in others for block in w.paragraphs(section, 6))]


def _product(w: Writer) -> list[Block]:
    things = w.things()
    rows = tuple(
        f"{thing}|{w.dice.between(3, 90)},{w.dice.between(10, 95)}" for thing in things[:6]
    )
    first, second, third = w.sections(3)
    before, after = w.paragraphs(first, 6), w.paragraphs(second, 6) + w.paragraphs(third, 6)
    return [*before, Block("table", rows), *after]


def _glossary(w: Writer) -> list[Block]:
    lines = [s for section in w.sections(3) for s in w.sentences(section, 4, 0)]
    return [Block("dl", tuple(f"{a}|{b}" for a, b in zip(w.things(), lines, strict=False)))]


def _events(w: Writer) -> list[Block]:
    months, days = w.voice.words("month", 12), w.voice.words("day", 7)
    rows = tuple(
        f"{days[i % len(days)]} {w.dice.between(1, 28)} {month}|{w.heading(w.sections(1)[0])}"
        for i, month in enumerate(months)
    )
    return [Block("table", rows)]


def _stub(w: Writer) -> list[Block]:
    return [Block("p", tuple(w.sentences(w.sections(1)[0], 1, 0)))]


def _index(w: Writer) -> list[Block]:
    titles = {w.title(): None for _ in range(30)}
    return [Block("links", (*titles, *w.things()))]


_WRITERS: dict[str, Callable[[Writer], list[Block]]] = {
    "article": _article,
    "faq": _faq,
    "forum": _forum,
    "how-to": _how_to,
    "product": _product,
    "glossary": _glossary,
    "events": _events,
    "stub": _stub,
    "index": _index,
}


def write_page(site: Site, number: int, kind: str, path: str = "") -> Page:
    """Write page ``number`` of a site."""
    writer = Writer(site, f"{kind}-{number}")
    title = writer.title()
    blocks = tuple(_WRITERS[kind](writer))
    return Page(site, path or f"{kind}/{number:04d}.html", kind, title, blocks)


def ordinary_pages(sites: tuple[Site, ...], count: int) -> list[Page]:
    """Write ``count`` pages over ``sites`` in turn, kinds by :data:`KINDS`."""
    deck = [kind for kind, share in KINDS.items() for _ in range(share)]
    kinds = Dice("kinds", sites[0].language).shuffled(deck)
    return [write_page(sites[i % len(sites)], i, kinds[i % len(kinds)]) for i in range(count)]


def spare_sentence(page: Page, salt: str) -> str:
    """Return a sentence on the page's subject that another page might have held."""
    writer = Writer(page.site, f"spare-{page.path}-{salt}")
    bank: Bank = writer.topic
    return writer.voice.sentence(writer.dice.pick(writer.dice.pick(bank.sections).sentences))
