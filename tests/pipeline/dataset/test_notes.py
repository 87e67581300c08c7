"""The card says what was done, and what was not."""

from gristmill.pipeline.dataset.notes import LICENCE, duplicates, evaluation, personal_data
from gristmill.recipe import parse_recipe


def stages(*entries):
    recipe = parse_recipe({"stages": list(entries)}, "test").to_dict()
    return {name: parameters for entry in recipe["stages"] for name, parameters in entry.items()}


def test_what_was_not_done_is_said() -> None:
    assert duplicates({}) == "This run looked for no duplicates."
    assert "did not look for personal data" in personal_data({})
    assert "did not look for items of evaluation sets" in evaluation({})


def test_duplicates() -> None:
    near = {"minhash_dedup": {"bands": 20, "rows": 5, "verify": 0.8}}
    said = duplicates(stages("url_dedup", "exact_dedup", near, "span_dedup"))
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "- `url_dedup`",
        "- `exact_dedup`",
        "- `minhash_dedup`",
        "- `span_dedup`",
    ]
    assert "20 bands of 5 hashes, shingles of 5 words, confirmed" in said
    assert "of at least 0.8" in said
    unsure = duplicates(stages({"minhash_dedup": {"verify": None, "unit": "char"}}))
    assert unsure.endswith("shingles of 5 chars, not confirmed on the texts.")
    assert "earlier runs" not in said
    assert "earlier runs" in duplicates({"exact_dedup": {"against": ["/runs/one"]}})


def test_personal_data() -> None:
    replaced = personal_data(stages({"pii": {"kinds": ["email", "iban"]}}))
    assert "replaced by placeholders wherever they were found: `email`, `iban`." in replaced
    assert "some are missed" in replaced
    dropped = personal_data(stages({"pii": {"action": "drop"}}))
    assert dropped.startswith("Documents in which these were found were dropped: `email`, `ip`.")


def test_evaluation_sets() -> None:
    assert "`decontaminate`" in evaluation({"decontaminate": {}})


def test_the_licence_note_names_owners_and_common_crawl() -> None:
    assert "belong to them" in LICENCE
    assert "https://commoncrawl.org/terms-of-use" in LICENCE
