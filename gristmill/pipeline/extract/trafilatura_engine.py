"""trafilatura: the best text of the engines, and by far the slowest."""

#: Favourings of ``trafilatura.extract``.
FAVORS = ("precision", "balanced", "recall")


def extract(
    html: str, url: str | None = None, /, favor: str = "precision", fast: bool = False
) -> str | None:
    """Extract the main text.

    Args:
        html: the page.
        url: its address.
        favor: ``precision``, ``balanced`` or ``recall``.
        fast: skip the comparison with other extractors.
    """
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
