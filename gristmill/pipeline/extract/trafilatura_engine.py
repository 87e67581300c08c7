"""trafilatura: the best text of the engines, and the slowest.

Left to itself it compares its own result with two other extractors, readability and jusText. That
costs as much as the extraction. Here the default is another comparison: resiliparse, ten times as
fast, reads the page first. Where most text of the page is prose to it, there is little to leave
out, and its text stands at once. Else trafilatura goes on, and its text stands, unless it
found far less. Measured on the project's gold pages that is better than either alone, and than
trafilatura's own comparison (``benchmarks/extraction.py``; the table is in the README).
"""

from typing import Literal, get_args

from gristmill.pipeline.extract import resiliparse_engine

Favor = Literal["precision", "balanced", "recall"]
Compare = Literal["resiliparse", "readability", "none"]
FAVORS, COMPARES = get_args(Favor), get_args(Compare)

#: resiliparse's text stands at once where it is this share of all visible text of the page (60 % of
#: the gold pages, with an F1 of .901 over all; 0.6: half of them, .904; 0.8: 30 %, .906).
_MOST = 0.5
#: It stands too where trafilatura's is shorter than this share of it (0.5 to 0.7: F1 ± .0005).
_FAR_LESS = 0.6


def extract(
    html: str,
    url: str | None = None,
    /,
    favor: Favor = "recall",
    compare: Compare = "resiliparse",
) -> str | None:
    """Extract the main text.

    Args:
        html: the page.
        url: its address.
        favor: what trafilatura does in doubt; ``balanced`` is its own default, ``precision``
            FineWeb's choice. With resiliparse to compare with, ``recall`` gives the best F1.
        compare: with whose text: ``resiliparse``'s, trafilatura's own way with ``readability``
            and jusText, or ``none``.
    """
    if compare != "resiliparse":
        return _trafilatura(html, url, favor, compare == "none")
    quick, share = resiliparse_engine.extract_with_share(html)
    if quick and share >= _MOST:
        return quick
    text = _trafilatura(html, url, favor, fast=True)
    return quick if quick and len(text or "") < _FAR_LESS * len(quick) else text


def _trafilatura(html: str, url: str | None, favor: Favor, fast: bool) -> str | None:
    import trafilatura

    # deduplicate would carry a cache from page to page: the same page would give other text.
    text: str | None = trafilatura.extract(
        html,
        url=url,
        fast=fast,
        favor_precision=favor == "precision",
        favor_recall=favor == "recall",
        include_comments=False,
        deduplicate=False,
    )
    return text
