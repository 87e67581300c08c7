"""All text of a page: navigation, footers and all. For looks and for language tests."""


def extract(html: str, url: str | None = None, /, everything: bool = False) -> str | None:
    """Return the text of the whole page.

    Args:
        html: the page.
        url: its address.
        everything: also what a browser shows only without scripts, and fields of forms: an
            extractor may find text there.
    """
    from resiliparse.extract.html2text import extract_plain_text

    del url
    text: str = extract_plain_text(
        html, main_content=False, noscript=everything, form_fields=everything
    )
    return text or None
