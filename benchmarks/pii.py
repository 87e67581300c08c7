"""Measure the PII kinds: precision, recall, false alarms on clean text, and what they cost.

Four tables: on the sentences labelled by us (tests/filters/pii/labelled.jsonl); on real pages into
which valid invented numbers are planted; on presidio-research's generated sentences, a foreign
yardstick (its telephone numbers are Faker's, of many countries, some impossible); on novels, whose
only personal data is the address of Project Gutenberg. Nothing found is ever printed.

    python benchmarks/pii.py [--json out.json]
"""

import argparse
import gzip
import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gristmill.filters.pii import card, email, iban, ip, national_id, phone
from gristmill.filters.pii.checksums import luhn, mod_97
from gristmill.filters.pii.national_rules import kr_rrn_checked
from gristmill.filters.pii.stage import KINDS, Pii

ROOT = Path(__file__).resolve().parents[1]
LABELLED = ROOT / "tests/filters/pii/labelled.jsonl"
SHARED = ROOT.parent / "shared/data"
ALL = Pii(kinds=tuple(KINDS), regions=("US", "KR", "DE", "FR", "JP", "GB"))

PLACEHOLDERS = {
    email.PLACEHOLDER: "email",
    ip.PLACEHOLDER: "ip",
    ip.PLACEHOLDER_V6: "ip",
    iban.PLACEHOLDER: "iban",
    card.PLACEHOLDER: "card",
    national_id.PLACEHOLDER: "national_id",
    phone.PLACEHOLDER: "phone",
}
_ANY = re.compile("(" + "|".join(map(re.escape, PLACEHOLDERS)) + ")")
#: What presidio-research calls our kinds.
_FOREIGN = {
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "US_SSN": "national_id",
    "PHONE_NUMBER": "phone",
}


class Score:
    """True finds, false finds and misses of each kind."""

    def __init__(self) -> None:
        self.right, self.wrong, self.missed = Counter(), Counter(), Counter()

    def add(self, found: Iterable[tuple[str, str]], labels: Iterable[tuple[str, str]]) -> None:
        """Count one text: (kind, value) as found and as labelled."""
        have, want = Counter(found), Counter(labels)
        for counter, part in (
            (self.right, have & want),
            (self.wrong, have - want),
            (self.missed, want - have),
        ):
            counter.update(Counter(kind for kind, _ in part.elements()))

    def table(self) -> dict[str, dict[str, Any]]:
        """Return labelled items, precision and recall of each kind; null where undefined."""
        rows = {}
        for kind in KINDS:
            right, wrong, missed = self.right[kind], self.wrong[kind], self.missed[kind]
            rows[kind] = {
                "labelled": right + missed,
                "false": wrong,
                "precision": right / (right + wrong) if right + wrong else None,
                "recall": right / (right + missed) if right + missed else None,
            }
        return rows


def finds(text: str, stage: Pii = ALL) -> list[tuple[str, str]]:
    """Return (kind, value) of everything replaced, by laying the clean text over the original."""
    pieces = _ANY.split(stage.clean(text)[0])
    kinds = [PLACEHOLDERS[piece] for piece in pieces[1::2]]
    match = re.fullmatch("(.+?)".join(map(re.escape, pieces[0::2])), text, re.DOTALL)
    assert match, "the clean text does not lie over the original"
    return list(zip(kinds, match.groups(), strict=True))


def on_labelled() -> dict[str, dict[str, Any]]:
    """Score the sentences labelled by us."""
    score = Score()
    for line in LABELLED.read_text("utf-8").splitlines():
        row = json.loads(line)
        score.add(finds(row["text"]), [tuple(label) for label in row["pii"]])
    return score.table()


def on_presidio() -> dict[str, dict[str, Any]]:
    """Score presidio-research's sentences."""
    score = Score()
    for path in sorted((SHARED / "text/pii").glob("*.json.gz")):
        for row in json.loads(gzip.decompress(path.read_bytes())):
            labels = [
                (_FOREIGN[span["entity_type"]], span["entity_value"])
                for span in row["spans"]
                if span["entity_type"] in _FOREIGN
            ]
            score.add(finds(row["full_text"]), labels)
    return score.table()


def on_planted(pages: list[str]) -> dict[str, dict[str, Any]]:
    """Plant one item of each kind at random spaces of every page; count those found as such."""
    score = Score()
    for number, page in enumerate(pages):
        dice = random.Random(f"pii {number}")  # noqa: S311
        gaps = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", page)]
        if len(gaps) < len(KINDS):
            continue
        text, planted = page, list(invented(dice))
        places = sorted(dice.sample(gaps, len(KINDS)), reverse=True)
        for gap, (_, item) in zip(places, dice.sample(planted, len(KINDS)), strict=True):
            text = f"{text[:gap]} {item}{text[gap:]}"
        score.add(finds(text), planted)
    return {
        kind: {"planted": row["labelled"], "recall": row["recall"]}
        for kind, row in score.table().items()
    }


def invented(dice: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (kind, valid invented item), one of each kind, as people write them."""

    def n(count: int) -> str:
        return "".join(dice.choices("0123456789", k=count))

    name = "".join(dice.choices("abcdefghij", k=8))
    yield "email", f"{name}@{dice.choice(('example.org', 'mill.example.net', 'site.co.kr'))}"
    yield "ip", f"8.8.{n(1)}.{dice.randrange(1, 255)}"
    account = n(18)
    number = f"DE{98 - mod_97(account + 'DE00'):02d}{account}"
    yield "iban", dice.choice((number, " ".join(re.findall(".{1,4}", number))))
    body = dice.choice(("4", "51", "2221", "3530", "6011"))
    body += n(15 - len(body))
    number = next(body + c for c in "0123456789" if luhn(body + c))
    yield "card", dice.choice((number, " ".join(re.findall("....", number))))
    born = f"{dice.randrange(50, 99)}{dice.randrange(1, 13):02d}{dice.randrange(1, 29):02d}"
    body = f"{born}{dice.choice('12')}0{n(4)}"
    number = next(body + c for c in "0123456789" if kr_rrn_checked(body + c))
    ssn = f"{dice.randrange(100, 600)}-{dice.randrange(10, 99)}-{dice.randrange(1000, 9999)}"
    yield "national_id", dice.choice((f"{number[:6]}-{number[6:]}", ssn))
    forms = (
        *(f"+1 202-555-01{n(2)}", f"(415) 555-01{n(2)}", f"+44 20 7946 0{n(3)}"),
        *(f"010-2{n(3)}-{n(4)}", f"01 99 00 {n(2)} {n(2)}", f"03-3{n(3)}-{n(4)}"),
        *(f"030 23125{n(3)}", f"+82 2-555-{n(4)}", f"+49 69 90009{n(3)}"),
    )
    yield "phone", dice.choice(forms)


def on_clean(texts: list[str]) -> dict[str, Any]:
    """Count finds in texts that hold no personal data, per million words."""
    words = sum(len(text.split()) for text in texts)
    counts = Counter[str]()
    for text in texts:
        counts.update(ALL.clean(text)[1])
    return {"words": words, "per_million": {k: counts[k] / words * 1e6 for k in KINDS}}


def cost(pages: list[str]) -> dict[str, float]:
    """CPU milliseconds per megabyte (UTF-8) of each kind alone, of all, and per 4 kB; best of 3."""
    megabytes = sum(len(page.encode()) for page in pages) / 1e6
    stages = {k: Pii(kinds=(k,), regions=ALL.regions) for k in KINDS} | {"all": ALL}
    result = {}
    for name, stage in stages.items():
        stage.clean("warm up: +1 202-555-0123, 4111 1111 1111 1111")
        times = []
        for _ in range(3):
            begun = time.process_time()
            for page in pages:
                stage.clean(page)
            times.append(time.process_time() - begun)
        result[name] = min(times) * 1e3 / megabytes
    return result | {"all, per 4 kB": result["all"] * 0.004}


def real_pages(limit: int = 400) -> list[str]:
    """Return reference texts of real pages; every page's hash decides whether it is taken."""
    texts = []
    with gzip.open(SHARED / "gold.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            text = json.loads(line)["gold_text"]
            if text and hashlib.sha256(text.encode()).digest()[0] % 2:
                texts.append(text)
    return texts[:limit]


def novels() -> list[str]:
    paths = sorted((SHARED / "text/lm/novels").glob("*.gz"))
    return [gzip.decompress(path.read_bytes()).decode("utf-8", "replace") for path in paths]


def show(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, row in rows.items():
        cells = row.items() if isinstance(row, dict) else [("", row)]
        told = "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in cells)
        print(f"  {name:14} {told}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    figures: dict[str, Any] = {"labelled": on_labelled()}
    show("sentences labelled by us", figures["labelled"])
    if SHARED.is_dir():
        pages = real_pages()
        figures["planted"] = on_planted(pages)
        show(f"planted into {len(pages)} real pages", figures["planted"])
        figures["presidio"] = on_presidio()
        show("presidio-research", figures["presidio"])
        figures["novels"] = on_clean(novels())
        show(f"finds per million of {figures['novels']['words']} clean words (novels)",
             figures["novels"]["per_million"])  # fmt: skip
        figures["cost"] = cost(pages)
        show("CPU ms per MB of real pages", figures["cost"])
    else:
        print(f"SKIPPED all but the labelled set: no {SHARED}", file=sys.stderr)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
