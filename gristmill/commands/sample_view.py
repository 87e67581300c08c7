"""Sampled text and next tokens, as a terminal may show them."""

import unicodedata
from collections.abc import Sequence

from gristmill.tokenize.visible import plain

_WIDTH = 40


def harmless(text: str) -> str:
    """Replace control characters but tab and line feed: a model may write anything."""
    return "".join(
        c if c in "\t\n" or unicodedata.category(c) != "Cc" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def bars(tokens: Sequence[tuple[bytes, float]]) -> list[str]:
    """Return a line for each token and its probability; the longest bar is the likeliest."""
    most = max((p for _, p in tokens), default=0) or 1
    return [
        f"{p:8.2%}".replace("%", " %")
        + f"  {'█' * round(_WIDTH * p / most):<{_WIDTH}} {plain(raw)}"
        for raw, p in tokens
    ]
