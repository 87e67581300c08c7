from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters import blocklist
from gristmill.filters.url import UrlFilter

ASSETS = ("banned_words", "banned_subwords", "soft_banned_words")


@lru_cache(maxsize=4)
def their_filter(domains, urls=()):
    """datatrove's filter with its word lists, but only the domains that matter here."""
    import tldextract
    from datatrove.pipeline.filters import URLFilter
    from datatrove.utils._import_utils import ASSETS_PATH

    words = {
        name: Path(ASSETS_PATH, f"{name}.txt").read_text("utf-8").splitlines() for name in ASSETS
    }
    with pytest.MonkeyPatch.context() as patch:  # it asks for a package it only locks files with
        patch.setattr("datatrove.pipeline.base.check_required_dependencies", lambda *_: None)
        step = URLFilter(
            extra_domains=domains or ["-"],
            extra_urls=urls or ["-"],
            use_integrated_lists=False,
            **words,
        )
    step.tldextractor = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    return step


def reasons(ours, stage, urls):
    return [v[0] for v in ours(stage, ["text"] * len(urls), urls)]


WORDS = ["news", "ass", "anus", "babes", "asshole", "18abused", "2g1c", "babybatter", "x", "ASS"]
HOSTS = ["listed.example.com", "listed.com", "sub.listed.com", "fine.co.uk", "ok.org", "10.0.0.1"]
urls = st.builds(
    lambda host, words, gaps: (
        "http://" + host + "".join(map("".join, zip(gaps, words, strict=False)))
    ),
    st.sampled_from(HOSTS),
    st.lists(st.sampled_from(WORDS) | st.text("abc%é", max_size=3), max_size=6),
    st.lists(st.sampled_from(["/", "-", "_", "?q=", "#"]), min_size=6, max_size=6).map(
        lambda gaps: ["/", *gaps]
    ),
)


@settings(max_examples=300, deadline=None)
@given(urls)
def test_same_verdict_as_datatrove(oracle, ours, url):
    listed = ("listed.com", "listed.example.com")
    stage = UrlFilter(extra_domains=listed, case_sensitive_words=True)
    theirs = oracle(their_filter(listed), "text", url)[0]
    assert reasons(ours, stage, [url]) == [theirs]


def test_lists(ours, tmp_path):
    own = tmp_path / "own.txt"
    own.write_text("listed.com\nsub.other.com\n")
    stage = UrlFilter(lists=(str(own),), extra_urls=("http://third.com/page",))
    asked = [
        "http://listed.com/",
        "https://www.LISTED.com:8080/x?y#z",
        "http://user:pw@listed.com/",
        "http://sub.other.com/",
        "http://other.com/",
        "http://third.com/page",
        "http://third.com/page2",
        "http://notlisted.com/listed.com",
    ]
    assert reasons(ours, stage, asked) == [
        *("domain", "domain", "domain", "subdomain", None, "url", None, None),
    ]


def test_builtin_list(ours):
    domain = next(blocklist._member(blocklist._asset(blocklist._ARCHIVE), "domains")).decode()
    assert reasons(ours, UrlFilter(), [f"http://{domain}/a"]) == ["domain"]


def test_words(ours):
    asked = ["http://a.org/2g1c", "http://a.org/ass", "http://a.org/ass/anus"]
    assert reasons(ours, UrlFilter(), asked) == ["hard_blacklisted", None, "soft_blacklisted"]
    assert reasons(ours, UrlFilter(soft_word_threshold=1), asked[1:2]) == ["soft_blacklisted"]
    assert reasons(ours, UrlFilter(soft_word_threshold=3), asked[2:]) == [None]
    assert reasons(ours, UrlFilter(lists=()), asked) == [None] * 3
    shouted = ["http://a.org/ASS/ANUS"]
    assert reasons(ours, UrlFilter(), shouted) == ["soft_blacklisted"]
    assert reasons(ours, UrlFilter(case_sensitive_words=True), shouted) == [None]
    assert reasons(ours, UrlFilter(), ["http://a.org/ba-by_BATter"]) == ["blacklisted_subword"]


@pytest.mark.parametrize(
    "url",
    [
        *(None, "", "   ", "no url at all", "http://", "http:///path", "http://[::1/x"),
        *("http://a.com:99999/", "http://a.com:x/", "mailto:a@b.c", "javascript:alert(1)"),
        *(
            "//a.com/x",
            "data:text/html,<p>//a",
            "http://" + "a." * 50_000 + "com/",
            "http://a\ud800/",
        ),
    ],
)
def test_bad_urls(ours, url):
    if url and not url.isprintable():
        url = url.encode(errors="replace").decode().replace("?", "[")
    assert reasons(ours, UrlFilter(lists=()), [url]) == ["bad_url"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://bücher.example/ü", "http://xn--bcher-kva.example/", "http://[2001:db8::1]:80/"),
        *("ftp://files.example.org/x", "HTTP://UPPER.ORG/", "http://localhost/", "http://a.com./"),
        "http://a.com/" + "x" * 100_000,
    ],
)
def test_odd_but_good_urls(ours, url):
    assert reasons(ours, UrlFilter(extra_domains=("bad.com",)), [url]) == [None]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=40) | st.text("htp:/[]@#?.a1%", max_size=30), max_size=5))
def test_never_crashes_and_rows_are_independent(ours, texts):
    together = reasons(ours, UrlFilter(lists=()), texts)
    assert together == [reasons(ours, UrlFilter(lists=()), [text])[0] for text in texts]


def test_signals(columns):
    row = columns(UrlFilter(), ["t"] * 2, ["http://a.org/ass/anus/2g1c", None])
    assert row["url.soft_words"] == [2, 0]
    assert row["url.hard_words"] == [1, 0]
    assert row["url.valid"] == [True, False]
    assert row["url.blocked"] == [None, None]


@pytest.mark.real_data
def test_real_pages(oracle, ours, gold):
    asked = [page["url"] for page in gold if page["url"]]
    hosts = {part for url in asked for part in _hosts(url)}
    archive = blocklist._asset(blocklist._ARCHIVE)
    listed = [
        entry.decode() for entry in blocklist._member(archive, "domains") if entry.decode() in hosts
    ]
    step = their_filter(tuple(listed))
    theirs = [oracle(step, "text", url)[0] for url in asked]
    assert reasons(ours, UrlFilter(case_sensitive_words=True), asked) == theirs
    assert None in theirs


def _hosts(url: str) -> list[str]:
    labels = url.split("/")[2].partition(":")[0].lower().split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]
