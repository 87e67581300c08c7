"""Colours of tokens, by place: four that repeat, so that neighbours always differ.

Ink on each reaches a contrast of 4.5:1, markers too, on light and on dark pages. Neighbours differ
to people who do not see red or green (blue, yellow, violet, green: by turns bluish and yellowish).
``tests/tokenize/test_palette.py`` computes both.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``; ``tokens`` lie behind ``ink`` and ``marker``."""

    ink: str
    marker: str
    page: str
    muted: str
    line: str
    accent: str
    tokens: tuple[str, str, str, str]


LIGHT = Theme(
    ink="#1b1f24",
    marker="#4d545c",
    page="#ffffff",
    muted="#57606a",
    line="#d0d7de",
    accent="#0550ae",
    tokens=("#a9d3f5", "#f3e08c", "#e3bfe8", "#a8dcb5"),
)
DARK = Theme(
    ink="#f4f6f8",
    marker="#d0d7de",
    page="#0d1117",
    muted="#9198a1",
    line="#30363d",
    accent="#79c0ff",
    tokens=("#1d4f7c", "#66540a", "#6b3473", "#1f5c33"),
)
