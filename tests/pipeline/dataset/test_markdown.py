"""Whatever stands in a name, Markdown shows that name and nothing else."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gristmill.pipeline.dataset.markdown import code, fenced, plain, table

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = (
    st.text()
    | st.text("`|\\*_[]()<>#-+!~&;:/\n\r\t a1")
    | st.sampled_from(
        [
            "",
            "``",
            "a|b",
            "\\|",
            "<script>",
            "---",
            "# x",
            "![a](http://x)",
            "&amp;",
            "a`b`",
            "\u202e",
        ]
    )
)


def shown(text: str) -> str:
    """What a reader sees of a name: on one line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def read(html: str) -> str:
    return unescape(re.sub(r"</?(p|code|h1|td|th)[^>]*>", "", html)).strip()


@given(NASTY)
def test_plain_text_is_itself(text: str) -> None:
    html = PARSER.render(f"# {plain(text)}")
    assert read(html) == shown(text)
    assert re.fullmatch(r"<h1>[^<>]*</h1>\n", html)


@given(NASTY, NASTY)
def test_a_cell_holds_its_name_and_no_more(one: str, two: str) -> None:
    html = PARSER.render(table(("a", "b #"), [(code(one), plain(two)), (code(two), 1234)]))
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html, re.DOTALL)
    assert [read(cell) for cell in cells] == [shown(one), shown(two), shown(two), "1,234"]
    assert html.count("<tr>") == 3
    assert not re.findall(r"<(?!/?(?:table|thead|tbody|tr|th|td|code)\b)", html)


@given(NASTY)
def test_a_fence_holds_any_text(text: str) -> None:
    tokens = PARSER.parse(fenced(text, "yaml"))
    assert [(t.type, t.info) for t in tokens] == [("fence", "yaml")]
    lines = re.split(r"\r\n|\r|\n", text.rstrip().replace("\0", "\ufffd"))
    assert tokens[0].content.rstrip("\n").split("\n") == "\n".join(lines).rstrip("\n").split("\n")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("dup_5_gram", "`dup_5_gram`"),
        ("0.1.0+abc", "`0.1.0+abc`"),
        ("CC-MAIN-2024.warc.gz", "`CC-MAIN-2024.warc.gz`"),
        ("a`b", "a&#96;b"),
        ("a|b", "a&#124;b"),
        (" a", "a"),
        ("two\nlines", "two lines"),
    ],
)
def test_names_stay_readable_in_the_source(name: str, written: str) -> None:
    assert code(name) == written
