"""What a dataset card says in words: how duplicates, personal data and tests were treated."""

from collections.abc import Mapping
from typing import Any

from gristmill.pipeline.dataset.markdown import code

#: https://commoncrawl.org/terms-of-use: those terms cover the use of the crawl; they grant no
#: rights in the pages and leave it to the user to heed those of their owners.
LICENCE = (
    "The texts were written by others and belong to them: each page is under the terms of its own "
    "site, and this card grants no rights in any of them. A licence named in the header is that of "
    "the collection (the selection and its annotations), as far as its publisher can give one; "
    "`other` says that none was chosen.\n\n"
    "What comes from Common Crawl is also under its "
    "[terms of use](https://commoncrawl.org/terms-of-use). These cover the use of the crawl. They "
    "are no licence of the pages in it, and whoever uses a page must heed the rights of its owner. "
    "Read them before you use or share this data."
)

_DEDUP = ("url_dedup", "exact_dedup", "minhash_dedup", "span_dedup")


def duplicates(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Say what was done about duplicates.

    Args:
        stages: parameters by name of stage.
    """
    said = {
        "url_dedup": "One document of each URL was kept.",
        "exact_dedup": "One of all documents with the same text was kept, white space aside.",
        "minhash_dedup": _minhash(stages.get("minhash_dedup", {})),
        "span_dedup": "Repeated passages were cut out of all documents but the first.",
    }
    lines = [f"- {code(name)}: {said[name]}" for name in _DEDUP if name in stages]
    lines += [
        f"- {code(name)}: Documents of earlier runs counted as seen already."
        for name in _DEDUP
        if stages.get(name, {}).get("against")
    ]
    return "\n".join(lines) or "This run looked for no duplicates."


def _minhash(parameters: Mapping[str, Any]) -> str:
    values = {name: parameters.get(name) for name in ("bands", "rows", "ngram", "unit", "verify")}
    found = (
        "One of each cluster of near-duplicates was kept: MinHash in {bands} bands of {rows} "
        "hashes, shingles of {ngram} {unit}s"
    )
    sure = ", confirmed on the texts (Jaccard similarity of at least {verify})."
    unsure = ", not confirmed on the texts."
    return (found + (unsure if values["verify"] is None else sure)).format(**values)


def personal_data(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Say what was done about personal data."""
    if "pii" not in stages:
        return (
            "This run did not look for personal data. Web pages hold names, addresses and numbers "
            "of people; they are here as they were there."
        )
    kinds = ", ".join(code(str(kind)) for kind in stages["pii"].get("kinds", ()))
    done = (
        f"Documents in which these were found were dropped: {kinds}."
        if stages["pii"].get("action") == "drop"
        else f"These were replaced by placeholders wherever they were found: {kinds}."
    )
    return (
        f"{done} Patterns and check digits find them; some are missed, and some of what is found "
        "is something else. Other personal data (names, postal addresses, what people tell of "
        "themselves) was not looked for and is here."
    )


def evaluation(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Say whether items of evaluation sets were looked for."""
    if "decontaminate" not in stages:
        return (
            "This run did not look for items of evaluation sets. Pages that quote tests may be "
            "here."
        )
    return (
        "Documents that hold items of evaluation sets were dropped (`decontaminate`). The recipe "
        "has the rule; the sets are listed by hash under *Versions*."
    )
