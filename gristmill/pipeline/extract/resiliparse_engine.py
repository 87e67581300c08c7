"""Resiliparse's main text, less lines that are no prose: ten times as fast as trafilatura."""

import re
from typing import Any

#: A line of at least so many characters is prose whatever it ends with.
_LONG = 80
#: A line that ends a sentence is prose from so many characters on.
_SHORT = 20
_SENTENCE_END = re.compile(r"""[.!?…:;。！？：；।؟۔]["'”’»)\]」』]*$""")


def extract(html: str, url: str | None = None, /) -> str | None:
    """Extract the main text and keep prose with its headings."""
    del url
    return _main(html)


def extract_with_share(html: str) -> tuple[str | None, float]:
    """Return what :func:`extract` gives, and its share of all visible text of the page."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    text = _main(tree)
    return text, len(text or "") / max(1, len(extract_plain_text(tree)))


def _main(page: Any) -> str | None:
    from resiliparse.extract.html2text import extract_plain_text

    text: str = extract_plain_text(page, main_content=True, comments=False, post_meta=False)
    return prose_lines(text) or None


def prose_lines(text: str) -> str:
    r"""Keep lines of prose, and one line right before each as its heading.

    >>> print(prose_lines("Home\nLogin\nOn mills\nA mill grinds grain to flour."))
    On mills
    A mill grinds grain to flour.
    """
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    prose = [_is_prose(line.strip()) for line in lines]
    return "\n".join(
        line for i, line in enumerate(lines) if prose[i] or (i + 1 < len(lines) and prose[i + 1])
    )


def _is_prose(line: str) -> bool:
    if len(line) >= _LONG:
        return True
    # A character of Chinese, Japanese or Korean says as much as two or three letters.
    weight = len(line) if line.isascii() else len(line) + sum(c >= "\u3000" for c in line)
    return weight >= _SHORT and _SENTENCE_END.search(line) is not None
