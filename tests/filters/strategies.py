"""Texts on which words, sentences, lines and n-grams could come out differently.

Small alphabets repeat, so that n-grams do; gaps hold every kind of white space that Python, spaCy
or a regular expression treats in a way of its own; the special words meet spaCy's special cases.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gristmill.pipeline.text import LONGEST_CHUNK

#: For tests that ask datatrove; ``GRISTMILL_EXAMPLES=3000`` searches harder.
searching = settings(
    max_examples=int(os.environ.get("GRISTMILL_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

#: Whitespace, line ends and what only looks like one of them.
GAPS = (
    *(" ", " ", " ", " ", "  ", "\n", "\n", "\n\n", "\n\n\n", "\t", " \n", "\n ", "\r\n", "\r"),
    *("\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028", "\u2029"),
    *("\u00a0", "\u1680", "\u2003", "\u202f", "\u3000", "\u200b", "\ufeff", "\u00ad", ""),
)
PLAIN = ("the", "of", "and", "to", "with", "that", "have", "be", "mill", "grain", "a", "I", "water")
#: Words that spaCy has a rule of its own for.
SPECIAL = (
    *("don't", "Don’t", "can't", "cannot", "I'm", "it's", "let's", "we'd've", "y'all", "gonna"),
    *(
        "dunno",
        "ma'am",
        "o'clock",
        "'em",
        "'Cause",
        "nothin'",
        "e.g.",
        "i.e.",
        "Dr.",
        "U.S.",
        "vs.",
    ),
    *("p.m.", "10p.m.", "8am", "a.m.", "Mt.", "b.", "C++", "Jan.", "and/or", "co.", "Inc.", "’s"),
    *(":)", ":-)", ":(", ";-)", ":]", "<3", "xD", "XDD", ":'(", "(-_-)", "¯\\(ツ)/¯", "ಠ_ಠ", "8)"),
    *("x:) )", "^_^", "o_O", "<.<", "-_-", ":0", "=[", "(:", "\\n", "\\t", "''", "``", "--", "---"),
)
MARKS = (
    *(
        ".",
        "!",
        "?",
        "...",
        "…",
        "....",
        ". . .",
        "?!",
        '"',
        "'",
        "”",
        "’",
        ")",
        "]",
        ":",
        ";",
        ",",
    ),
    *("。", "！", "？", "؟", "۔", "।", "։", "።", "\u203d", "․", "｡"),
    *(
        "#",
        "##",
        "-",
        "•",
        "*",
        "–",
        "—",
        "_",
        "/",
        "|",
        "~",
        "°",
        "$",
        "%",
        "&",
        "@",
        "<",
        "{",
        "}",
    ),
)
CITED = (
    "[1]",
    "[12]",
    "[]",
    "[edit]",
    "[citation needed]",
    "word[3].",
    "[Edit]",
    "[ 1 ]",
    "[1][2]",
)
LINES = (
    *("- item", "• item", "  - item", "· item", "and so on...", "and so on…", "Read more…", "..."),
    *("Lorem ipsum dolor", "LOREM IPSUM", "enable JavaScript please", "our privacy policy is"),
    *("we use cookies here", "Terms of Use apply now", "var x = {", "one two", "one two three"),
    *("A line that says enough to be longer than thirty characters.", "short one", "short one."),
)
LINKS = (
    *(
        "http://a.example/x.html",
        "https://mill.example/?q=1&r=2#top.",
        "www.a.example",
        "a@b.example",
    ),
    *(
        "(see http://a.example)",
        "ftp://a.example/",
        "a.example/b",
        "x.y",
        "file.tar.gz",
        "10.0.0.1",
    ),
)
NUMBERS = (
    "3.14",
    "1,000",
    "10km",
    "5%",
    "$20",
    "1st",
    "2-3",
    "12:30",
    "٣٫١٤",
    "१२",
    "１２",
    "½",
    "1e5",
)
SCRIPTS = (
    *(
        "日本語",
        "東京は大きい。",
        "中文文本，没有空格。",
        "한국어",
        "русский",
        "Ελληνικά",
        "العربية",
        "עברית",
    ),
    *("हिन्दी", "ไทย", "ქართული", "naïve", "e\u0301", "ﬁ", "ß", "İ", "ǅ", "Ünïcode", "ʼn"),
)
EMOJI = ("😀", "👩‍👩‍👧", "🇫🇷", "❤️", "👍🏽", "☃", "™", "😀😀😀", "a😀b")
LONG = (
    "w" * 41,
    "w" * 1000,
    "w" * 1001,
    "ab-" * 20,
    "a.b." * 12,
    "!" * 60,
    "x/y" * 30,
    "IS",
    "_A_",
)

#: Every kind of word. Runs of 128 symbols and the name that trips spaCy are listed differences
#: (docs/parity.md) and have tests of their own.
TOKENS = (
    *PLAIN,
    *PLAIN,
    *SPECIAL,
    *MARKS,
    *CITED,
    *LINES,
    *LINKS,
    *NUMBERS,
    *SCRIPTS,
    *EMOJI,
    *LONG,
)


def _join(parts: list[tuple[str, str]]) -> str:
    return "".join(word + gap for word, gap in parts)


def _texts(words: st.SearchStrategy[str], size: int) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(words, st.sampled_from(GAPS)), max_size=size).map(_join)


#: Odd words in odd gaps.
odd = _texts(st.sampled_from(TOKENS) | st.text(max_size=6), 40)
#: Few words, often repeated: n-grams and lines come again, with and without gaps that matter.
repeated = st.lists(st.sampled_from(TOKENS) | st.text(max_size=3), min_size=1, max_size=6).flatmap(
    lambda few: _texts(st.sampled_from(few), 60)
)
#: A passage that comes again, whole, with odd text between.
passages = st.tuples(odd, odd, st.integers(1, 5)).map(lambda t: (t[0] + "\n" + t[1] + "\n") * t[2])
_ENDS = (".", ".", ".", "!", "?", ",", "", "", "…", "...", '."', "。", ":", ". ", " ")
_line = st.tuples(
    st.sampled_from(("", "", "", "", "- ", "• ", " - ", "# ")),
    st.lists(st.sampled_from(PLAIN) | st.sampled_from(TOKENS), min_size=2, max_size=14),
    st.sampled_from(_ENDS),
    st.sampled_from(("\n", "\n", "\n", "\n\n", " ", "\r\n", "\u2028")),
).map(lambda t: t[0] + " ".join(t[1]) + t[2] + t[3])
#: Prose, lists and what lies between: long enough to reach the last rules of every filter.
prose = st.lists(_line, min_size=5, max_size=16).map("".join)
#: Any of them, but for chunks that are cut before spaCy sees them: a listed difference (parity.md).
texts = st.one_of(odd, repeated, passages, prose, prose).filter(
    lambda text: max(map(len, text.split()), default=0) <= LONGEST_CHUNK
)
