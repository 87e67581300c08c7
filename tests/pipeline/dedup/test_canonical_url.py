"""One spelling for all URLs of a page: what becomes equal, what stays different, what never fails.

No test looks at the clock; the long inputs here would take minutes if any rule took the square.
"""

import gzip
import json
from itertools import combinations
from pathlib import Path
from urllib.parse import quote

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.canonical_url import canonical_url

SESSION = "0123456789abcdefghijklmnopqrstuv"

# Each group is one page; the first is its canonical spelling.
SAME = {
    "scheme, case, port, www": [
        "http://example.com/Page",
        "https://example.com/Page",
        "HTTPS://WWW.Example.COM/Page",
        "http://example.com:80/Page",
        "https://example.com:443/Page",
        "https://example.com:00443/Page",
        "http://example.com:/Page",
        "http://example.com./Page",
        "http://www.example.com/Page",
        "http://www2.example.com/Page",
        "http://www.www.example.com/Page",
    ],
    "what surrounds a URL": [
        "http://example.com/a",
        "  http://example.com/a\n",
        "\x00http://example.com/a\x1f",
        "http://exam\nple.com/\t\ra",
        "http:\\\\example.com\\a",
        "http:///example.com/a",
    ],
    "user": ["http://example.com/", "http://me@example.com", "http://me:pass@word@example.com/"],
    "empty path": [
        "http://example.com/",
        "https://example.com",
        "http://example.com?",
        "HTTP://example.com#x",
    ],
    "dot segments": [
        "http://example.com/a/b",
        "http://example.com/./a/b",
        "http://example.com/a/./b",
        "http://example.com/a/c/../b",
        "http://example.com/../../a/b/.",
        "http://example.com/a/%2e/c/%2E%2e/b",
        "http://example.com/a//../b",
    ],
    "slashes": ["http://example.com/a/b", "http://example.com/a/b/", "http://example.com//a///b//"],
    "unreserved": [
        "http://example.com/~me/Mercury_(planet)",
        "http://example.com/%7eme/Mercury_%28planet%29",
        "http://example.com/%7E%6de/Mercury_(planet)",
    ],
    "other escapes": ["http://example.com/a%2Fb%C3%A9", "http://example.com/a%2fb%c3%a9"],
    "characters to escape": [
        "http://example.com/%C3%A9%20%22%7C",
        'http://example.com/é "|',
        "http://example.com/%c3%a9 %22%7c",
    ],
    "stray percent": ["http://example.com/100%25", "http://example.com/100%"],
    "fragment": [
        "http://example.com/a",
        "http://example.com/a#top",
        "http://example.com/a#",
        "http://example.com/a#!",
    ],
    "hash-bang": ["http://example.com/#!/a%20b", "https://www.example.com/#!/a b"],
    "empty query": ["http://example.com/a", "http://example.com/a?", "http://example.com/a?&&"],
    "order": [
        "http://example.com/?a=2&a=1&b=3",
        "http://example.com/?b=3&a=2&a=1",
        "http://example.com/?a=2&b=3&a=1&",
    ],
    "query escapes": [
        "http://example.com/?q=a%20b~",
        "http://example.com/?q=a+b%7e",
        "http://example.com/?q=a b~",
    ],
    "trackers": [
        "http://example.com/?id=1",
        "http://example.com/?utm_source=x&id=1&UTM_Campaign=y",
        "http://example.com/?gclid=x&fbclid=y&msclkid=z&id=1",
        "http://example.com/?mc_cid=x&mc_eid=y&yclid=z&igshid=u&_ga=v&id=1",
        "http://example.com/?id=1&fb%63lid",
    ],
    "sessions": [
        "http://example.com/a/b?id=1",
        f"http://example.com/a;jsessionid={SESSION}/b?id=1",
        "http://example.com/a/b;JSESSIONID=1A2B.node1!-5?id=1",
        "http://example.com/a/b?PHPSESSID=x&id=1",
        "http://example.com/a/b?id=1&jsessionid=x",
        "http://example.com/a/b?id=1&ASPSESSIONIDAQBSDSRT=EOHBLBDDPFCLHKPGGKLILNAM",
        f"http://example.com/a/b?sid={SESSION}&id=1",
        "http://example.com/(S(4hqa0555fwsecu455xqckv45))/a/b?id=1",
        "http://example.com/a/(A(4hqa0555fwsecu455xqckv45)S(4hqa0555fwsecu455xqckv45))/b?id=1",
    ],
    "all parameters are noise": [
        "http://example.com/a",
        "http://example.com/a?utm_source=x&gclid=y",
    ],
    "other port": ["http://example.com:8080/", "https://www.example.com:08080"],
    "IPv6": ["http://[2001:db8::1]/", "http://[2001:DB8:0:0::0001]:80/"],
    "IDNA": [
        "http://xn--bcher-kva.example/",
        "http://bücher.example/",
        "http://BÜCHER.example",
        "http://BU\u0308CHER.example",
        "http://b%C3%BCcher.example/",
        "http://www.b\u00adücher。example/",
        "http://XN--BCHER-KVA.example/",
    ],
    "Greek": ["http://xn--mxacd.example/", "http://αβγ.example/", "http://ΑΒΓ.example/"],
    "emoji": ["http://xn--i-7iq.ws/", "http://i❤.ws/", "http://i❤\ufe0f.ws/"],
    "fullwidth": ["http://example.com/", "http://ｅｘａｍｐｌｅ．ｃｏｍ/"],
    "surrogates": ["http://example.com/%ED%A0%80", "http://example.com/\ud800"],
    "NUL": ["http://example.com/a%00b", "http://example.com/a\0b"],
}

# Different pages, all of them.
PATHS = f"""
a A a.html a/b a%2Fb a%252Fb a,b a%2Cb index.html a/index.html ... .a a;b=1 a;jsession=1
(S(short))/a é %E9 ?a ?A ?a= ?a=1 ?a=1&a=2 ?a=2&a=1 ?a=1%26a=2 ?a=1%2B2 ?a=1+2 ?a=// ?a=/
?ref=a ?ref=b ?sid=12 ?sid=13 ?sid={SESSION}0 ?story_sid={SESSION} ?xutm_source=1 ?gclids=1
?q=utm_source=1 #!a #!b
"""
DIFFERENT = [
    *(f"http://example.com/{path}" for path in ["", "e\u0301", "\ud800", "\ufffd", *PATHS.split()]),
    *("http://example.org/", "http://sub.example.com/", "http://m.example.com/"),
    *("http://wwwexample.com/", "http://www.com/", "http://com/", "http://example.com:8080/"),
    *("http://strasse.example/", "http://straße.example/"),
    *("http://[2001:db8::1]/", "http://[2001:db8::2]/"),
]

# https, so that one wrongly accepted would show.
NOT_HTTP = [
    *("ftp://Example.com/a/../b", "example.com/A", "//example.com", "dns:example.com"),
    "httpſ://example.com/",  # a long s, which ignoring case takes for an s
    *("http:", "https://", "https://?q", "https://...", "https://me@/", "https://a b/"),
    *("https://a%20b/", "https://a%2Fb/", "https://a%FF/", "https://a\ud800.example/"),
    "https://a℀b.example/",  # becomes "a/c" in compatible characters
    *("https://[::1/", "https://[1::2::3]/", "https://::1/", "https://a:b/", "https://a:٣/"),
    *("https://a:65536/", "https://a:" + "9" * 5000, "https://" + "ü" * 300),
]

# Pieces that meet in the rules, so that chance builds what the rules could trip over.
PIECES = [
    *("http://", "HTTPS:", "//", "/", "\\", "/./", "/../", "..", ".", "www.", "www2.", "WWW.", "w"),
    *("example", ".com", ":", ":80", ":443", ":0", "@", "[", "]", "[::1]", "xn--", "ü", "Σ", "ß"),
    *("?", "&", "=", "#", "!", "#!", "+", ";", "(", ")", "%", "%2", "%41", "%2e", "%2F", "%25"),
    *("%3f", "%c3%bc", "%fF", "%23", " ", "\n", "\t", "\0", "\ud800", "\u0301", "。", "．", "％"),
    *("utm_source=1", "gclid", "sid=" + SESSION, "phpsessid=", ";jsessionid=", "a=1", "b", "A"),
    *("(S(4hqa0555fwsecu455xqckv45))", "/(S(4hqa0555fwsecu455xqckv45))/", "\u00ad", "😉", "|"),
]
soup = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
http_soup = soup.map("http://example.com/".__add__)
anything = st.one_of(st.text(st.characters(exclude_categories=[])), soup, http_soup)


@pytest.mark.parametrize("group", SAME.values(), ids=SAME)
def test_one_page_one_spelling(group: list[str]) -> None:
    assert {canonical_url(url) for url in group} == {group[0]}


def test_different_pages_stay_different() -> None:
    for left, right in combinations(DIFFERENT, 2):
        assert canonical_url(left) != canonical_url(right), (left, right)


@pytest.mark.parametrize("url", NOT_HTTP, ids=lambda url: ascii(url[:40]))
def test_what_is_no_page_of_the_web_stays_itself(url: str) -> None:
    assert canonical_url(f" {url}\n") == url


@pytest.mark.parametrize("url", [None, "", " ", "\n\t\0"])
def test_no_url(url: str | None) -> None:
    assert canonical_url(url) is None


@given(anything)
@example("http://a/%%34%31")  # an escape made of escapes
@example("https://a:80/")
@example("http://a/?b=1&a=%26&+=2")
@example("http://a/b/..;jsessionid=1/c")
@example("http://www.www.com.")
@example("http://a/;jsession;jsessionid=1id=2")
def test_never_raises_and_keeps_its_own_result(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once
    assert once is None or once.isascii() or once in url


NAMES = st.text("abcXYZ019_~-", min_size=1, max_size=6)
SEGMENTS = st.text("abcXYZ019_-é ()!", min_size=1, max_size=6).filter(lambda s: s == s.strip())
NOISE = ["utm_medium=mail", "fbclid=IwAR0", "gclid=", "_ga=1.2", "PHPSESSID=ab12", f"sid={SESSION}"]


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """A plain URL, and one that says the same in another way."""
    host = draw(st.sampled_from(["example.com", "a.b.example", "xn--bcher-kva.example"]))
    segments = draw(st.lists(SEGMENTS, max_size=4))
    parameters = draw(st.lists(st.tuples(NAMES, NAMES), max_size=4, unique_by=lambda p: p[0]))
    query = "&".join(f"{name}={value}" for name, value in parameters)
    plain = f"http://{host}/{'/'.join(segments)}" + (f"?{query}" if query else "")

    def one_of(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    def escaped(text: str) -> str:
        how = draw(st.sampled_from([str, quote, _escape_all, lambda t: _escape_all(t).lower()]))
        return how(text)

    scheme = one_of("http", "https", "HTTP")
    host = one_of(host, host.upper(), host.replace("xn--bcher-kva", "Bücher")) + one_of("", ".")
    user = one_of("", "me:secret@")
    path = "".join(one_of("/", "//", "/./", "/x/../") + escaped(segment) for segment in segments)
    shuffled = [
        f"{escaped(name)}={escaped(value)}" for name, value in draw(st.permutations(parameters))
    ]
    noise = draw(st.lists(st.sampled_from(NOISE), max_size=2))
    query = "&".join(draw(st.permutations(shuffled + noise)))
    other = (
        f"{scheme}://{user}{one_of('', 'www.', 'WWW3.')}{host}{one_of('', ':80', ':443')}{path}"
        f"{one_of('', '/')}?{query}{one_of('', '#', '#part')}"
    )
    return plain, one_of("", " ", "\n") + other + one_of("", " ", "\t\n")


def _escape_all(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@given(spellings())
def test_spellings_of_one_page_are_equal(pair: tuple[str, str]) -> None:
    plain, other = pair
    assert canonical_url(plain) == canonical_url(other)


@given(soup)
def test_shape_of_a_result(path: str) -> None:
    """Lower-case host, no dots or empty segments or lower-case escapes, no last slash."""
    result = canonical_url(f"http://Example.com/{path}")
    assert result is not None
    assert result.isascii()
    assert not any(c.isspace() for c in result)
    assert result.startswith("http://example.com/")
    route = result.removeprefix("http://example.com").partition("#")[0].partition("?")[0]
    assert route == "/" or not {"", ".", ".."} & set(route[1:].split("/"))
    escapes = [part[:2] for part in result.split("%")[1:]]
    assert all(len(e) == 2 and e == e.upper() and int(e, 16) >= 0 for e in escapes)


@pytest.mark.parametrize(
    "host",
    [
        "bücher.example",
        "ΔΟΚΙΜΗΣ.Example",
        "пример.испытание",
        "例え。テスト",
        "مثال.إختبار",
        "straße.de",
    ],
)
def test_hosts_as_idna_2008_has_them(host: str) -> None:
    expected = idna.encode(host, uts46=True).decode()
    assert canonical_url(f"http://{host}/") == f"http://{expected}/"


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/" + "%41%c3" * 300_000,
        "http://a.example" + "/../a" * 300_000,
        "http://" + "www." * 500_000,
        "http://" + "www." * 500_000 + "com/?",
        "http://" + "a." * 500_000,
        "http://" + "ü" * 500_000,
        "http://" + "\u0301\u0316" * 500_000,
        "http://a.example/" + ";jsessionid" * 100_000,
        "http://a.example/" + "/(S(4hqa0555fwsecu455xqckv45)" * 50_000,
        "http://a.example/(" + "S(4hqa0555fwsecu455xqckv45)" * 50_000,
        "http://a.example/?" + "b=1&a=2&" * 50_000,
        "http://" + "@:" * 500_000,
        "http://a.example:" + "0" * 1_000_000,
        "http://[" + ":" * 1_000_000 + "]",
        "http:" + "/" * 1_000_000,
        "http://a.example" + "/a" * 500_000 + ";",
        "\n" * 1_000_000 + "x" + "\n" * 1_000_000,
    ],
    ids=lambda url: ascii(url[:24]),
)
def test_megabytes_of_malice(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


@pytest.mark.real_data
def test_real_pages_are_joined_by_nothing_but_equal_urls(shared_data: Path) -> None:
    """The lab's crawl holds no two spellings of one page: merging any would be wrong."""
    with gzip.open(shared_data / "manifest.jsonl.gz") as lines:
        urls = {json.loads(line)["url"] for line in lines}
    assert len(urls) > 1000
    results = {canonical_url(url) for url in urls}
    assert len(results) == len(urls)
    assert results == {canonical_url(result) for result in results}
