"""All text of a page: navigation, footers and all. For looks and for language tests."""


def extract(html: str, url: str | None = None, /) -> str | None:
    """Return the text of the whole page, as a browser shows it."""
    from resiliparse.extract.html2text import extract_plain_text

    del url
    text: str = extract_plain_text(html, main_content=False)
    return text or None
