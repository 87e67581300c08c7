"""trafilatura: the best text of the engines, and the slowest.

Left to itself it compares its own result with two other extractors, readability and jusText. That
costs as much as the extraction. Here the default is another comparison, twenty times as cheap:
resiliparse reads the page too, and where trafilatura found far less than that, resiliparse's text
stands. Measured on the project's gold pages this is better than either, and than trafilatura's own
comparison (``benchmarks/extraction.py``; the table is in the README).
"""

from typing import Literal, get_args

from gristmill.pipeline.extract import resiliparse_engine, selectors

Favor = Literal["precision", "balanced", "recall"]
Compare = Literal["resiliparse", "readability", "none"]
FAVORS, COMPARES = get_args(Favor), get_args(Compare)

#: resiliparse's text stands where trafilatura's is shorter than this share of it. Anything from
#: 0.5 to 0.7 gives the same F1 to 0.0005 on the gold pages.
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
    import trafilatura

    selectors.install()
    # deduplicate would carry a cache from page to page: the same page would give other text.
    text: str | None = trafilatura.extract(
        html,
        url=url,
        fast=compare != "readability",
        favor_precision=favor == "precision",
        favor_recall=favor == "recall",
        include_comments=False,
        deduplicate=False,
    )
    if compare != "resiliparse":
        return text
    other = resiliparse_engine.extract(html)
    return other if other and len(text or "") < _FAR_LESS * len(other) else text
