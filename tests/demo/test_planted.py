"""What is planted can be found, and ordinary pages differ enough to be kept."""

import ipaddress
import re
from functools import lru_cache
from importlib.resources import files
from itertools import combinations

import pytest

from gristmill.demo.collection import ENCODINGS, ORDINARY, collect
from gristmill.demo.model import Capture, Page, load_sites, plain_text
from gristmill.demo.pages import ordinary_pages, write_page
from gristmill.demo.planted import (
    NEAR_HIGH,
    NEAR_LOW,
    SPAM_PATHS,
    near_copy,
    pii_page,
    shingle_jaccard,
)

ENGLISH = tuple(site for site in load_sites() if site.language == "en")


@lru_cache(maxsize=1)
def captures() -> list[Capture]:
    return collect()


@lru_cache(maxsize=1)
def english() -> list[Page]:
    return ordinary_pages(ENGLISH, ORDINARY["en"])


@pytest.mark.parametrize("number", range(25))
def test_near_copies_are_near(number: int) -> None:
    page = [page for page in english() if page.kind == "article"][number]
    likeness = shingle_jaccard(plain_text(page), plain_text(near_copy(page, number)))
    assert NEAR_LOW <= likeness <= NEAR_HIGH + 0.02


def test_two_pages_on_one_topic_are_not_near_duplicates() -> None:
    for topic in {site.topic for site in ENGLISH}:
        kinds = {"article", "faq", "forum"}
        texts = [plain_text(p) for p in english() if p.site.topic == topic and p.kind in kinds]
        assert max(shingle_jaccard(a, b) for a, b in combinations(texts[:8], 2)) < 0.4


def test_exact_copies_say_the_same_in_other_html() -> None:
    by_url = {capture.url: capture for capture in captures()}
    copies = [c for c in captures() if c.kind == "exact duplicate"]
    for copy in copies:
        original = by_url[copy.notes["original"]]
        assert copy.body != original.body
        paragraphs = re.findall(rb"<p>([^<]{200,})</p>", original.body)
        assert paragraphs
        assert all(paragraph in copy.body for paragraph in paragraphs)


def test_spam_addresses_stand_on_the_block_lists() -> None:
    folder = files("datatrove") / "assets"
    hard = set((folder / "banned_words.txt").read_text().split())
    soft = set((folder / "soft_banned_words.txt").read_text().split())
    for path in SPAM_PATHS:
        words = set(re.split("[^a-zA-Z0-9]+", path))
        assert words & hard or len(words & soft) >= 2


def test_ordinary_addresses_do_not() -> None:
    folder = files("datatrove") / "assets"
    hard = set((folder / "banned_words.txt").read_text().split())
    parts = (folder / "banned_subwords.txt").read_text().splitlines()
    parts = [re.sub("[^a-zA-Z0-9]+", "", part).lower() for part in parts]
    for capture in captures():
        if capture.kind != "spam":
            assert not hard & set(re.split("[^a-zA-Z0-9]+", capture.url))
            squeezed = re.sub("[^a-zA-Z0-9]+", "", capture.url).lower()
            assert not any(part in squeezed for part in parts)


def test_personal_data_is_as_many_as_told_and_belongs_to_nobody() -> None:
    patterns = {
        "email": r"[\w.]+@[\w.]+\.example\.(?:com|net)",
        "ip": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        "phone": r"555[- ]01\d\d",
        "card": r"4111 1111 1111 1112",
    }
    for number in range(15):
        page = pii_page(write_page(ENGLISH[number], number, "article"), number)
        text = plain_text(page)
        found = {kind: re.findall(pattern, text) for kind, pattern in patterns.items()}
        assert {k: len(v) for k, v in found.items() if v} == page.planted
        assert all(ipaddress.ip_address(ip).is_global for ip in found["ip"])


def test_badly_labelled_pages_are_in_the_encoding_told() -> None:
    bad = [c for c in captures() if c.kind == "bad encoding"]
    assert len(bad) == len(ENCODINGS) + 1
    for capture in bad:
        with pytest.raises(UnicodeDecodeError):
            capture.body.decode("utf-8")
        codec = capture.notes["encoding"]
        if codec != "none":
            assert "<html" in capture.body.decode(codec)


def test_deep_page_is_deep() -> None:
    (deep,) = [c for c in captures() if c.kind == "deep nesting"]
    assert deep.body.count(b"<div>") >= 2000
