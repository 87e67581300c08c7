"""The card renders, its header is read by Hugging Face, and no name breaks either."""

import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gristmill.pipeline.dataset.card import language_codes, make_card, size_category
from gristmill.pipeline.dataset.facts import CardFacts, Split
from gristmill.pipeline.inputs import InputFile
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.plan import Plan
from gristmill.recipe import parse_recipe

PARSER = MarkdownIt("commonmark").enable("table")
SECTIONS = [
    "Splits", "How to load it", "Columns", "Languages", "Funnel", "Why documents were dropped",
    "Duplicates", "Personal data", "Evaluation sets", "Licences", "Recipe", "Inputs", "Versions",
    "How to cite and make it again",
]  # fmt: skip
NASTY = st.text(min_size=1) | st.text("`|\\*_[]()<>#-:\n\r\t '\"%@!{}a0", min_size=1)


def facts(**changes: Any) -> CardFacts:
    plan = Plan(
        name="mill",
        recipe=parse_recipe({"name": "mill", "stages": ["exact_dedup", "pii"]}, "test").to_dict(),
        stage_versions={},
        inputs=(InputFile(path="/home/me/crawl/a.warc.gz", kind="warc", size=2000, etag=""),),
        shards=(),
        versions={"gristmill": "0.1.0+abc", "brotli": "absent", "pyarrow": "1.2"},
        assets={"language.model": "8f34"},
    )
    made = CardFacts(
        plan=plan,
        stages=(
            StageCount(name="read", docs_in=2000, docs_out=1900, drops={"not_html": 100}),
            StageCount(name="pii", docs_in=1900, docs_out=1900),
        ),
        verdicts=0,
        splits=(
            Split("train", 2, 1890, 1_500_000, 1_600_000, 400_000),
            Split("validation", 1, 10, 900, 1000, 700),
        ),
        languages={"en": 1800, "de": 90, "": 10},
        schema=pa.schema([("text", pa.string()), ("language", pa.string()), ("x.y", pa.float64())]),
    )
    inner = {k: v for k, v in changes.items() if k in Plan.model_fields}
    outer = {k: v for k, v in changes.items() if k not in inner}
    return replace(made, plan=plan.model_copy(update=inner), **outer)


def card(pretty_name: str | None = None, **changes: Any) -> str:
    return make_card(facts(**changes), pretty_name, "other")


def titles(text: str) -> list[str]:
    tokens = PARSER.parse(DatasetCard(text).text)
    return [
        tokens[i + 1].content
        for i, t in enumerate(tokens)
        if t.type == "heading_open" and t.tag == "h2"
    ]


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n\n")[1].split("\n\n## ")[0]


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of every table, as a Markdown parser reads them."""
    html = PARSER.render(DatasetCard(text).text)
    return [
        [
            [re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
        ]
        for body in re.findall(r"<table>(.*?)</table>", html, re.DOTALL)
    ]


def test_hugging_face_reads_the_header() -> None:
    data = DatasetCard(card(pretty_name="Flour: fine & coarse")).data.to_dict()
    assert data["pretty_name"] == "Flour: fine & coarse"
    assert (data["license"], data["language"]) == ("other", ["en", "de"])
    assert data["size_categories"] == ["1K<n<10K"]
    assert data["configs"] == [
        {
            "config_name": "default",
            "data_files": [
                {"split": "train", "path": "train-*.parquet"},
                {"split": "validation", "path": "validation-*.parquet"},
            ],
        }
    ]
    info = data["dataset_info"]
    assert info["features"][2] == {"name": "x.y", "dtype": "float64"}
    assert info["splits"][1] == {"name": "validation", "num_bytes": 1000, "num_examples": 10}
    assert (info["download_size"], info["dataset_size"]) == (400_700, 1_601_000)


def test_the_body_has_every_section_and_its_tables() -> None:
    text = card()
    assert titles(text) == SECTIONS
    found = tables(text)
    assert [len(rows) for rows in found] == [3, 4, 4, 3, 2, 3, 2]
    assert found[3][1:] == [
        ["read", "2,000", "1,900", "95.0%"],
        ["pii", "1,900", "1,900", "100.0%"],
    ]
    assert found[4][1] == ["read", "not_html", "100"]
    assert found[5][1:] == [["gristmill", "0.1.0+abc"], ["pyarrow", "1.2"]]
    assert "1,900 documents, 1.5 MB of text" in text
    assert "a limit of CPU time" not in text


def test_the_recipe_in_it_is_a_recipe() -> None:
    text = card()
    block = next(t for t in PARSER.parse(DatasetCard(text).text) if t.info == "yaml")
    body = yaml.safe_load(block.content)
    assert parse_recipe(body, "card").to_dict() == facts().plan.recipe


def test_folders_and_queries_of_inputs_stay_at_home() -> None:
    paths = (
        "/home/me/a?b.warc.gz",
        "https://x.example/d/c.warc.gz?key=secret",
        "s3://b/k/d.warc.gz",
    )
    files = tuple(InputFile(path=p, kind="warc", size=1, etag="") for p in paths)
    text = card(inputs=files)
    assert "3 warc files, 3 bytes: `a?b.warc.gz`, `c.warc.gz`, `d.warc.gz`." in text
    assert "/home/me" not in text
    assert "secret" not in text
    many = card(inputs=files * 400)
    assert "and 1,190 more" in section(many, "Inputs")


def test_without_languages_nothing_is_said_of_them() -> None:
    text = card(languages={})
    assert "Languages" not in titles(text)
    assert DatasetCard(text).data.language is None


def test_many_languages() -> None:
    labels = {f"a{chr(97 + i)}_Latn": 30 - i for i in range(26)}
    rows = tables(card(languages=labels | {"": 1}))[2]
    assert len(rows) == 1 + 20 + 2
    assert rows[-2:] == [["6 others", str(sum(range(5, 11)))], ["none, or no code", "1"]]


def test_verdicts_of_the_machine_are_told() -> None:
    assert "For 3 documents a limit of CPU time or memory decided" in card(verdicts=3)


def test_no_drops() -> None:
    stages = (StageCount(name="read", docs_in=0, docs_out=0),)
    text = card(stages=stages)
    assert section(text, "Why documents were dropped") == "None was."
    assert tables(text)[3][1] == ["read", "0", "0", "–"]


@settings(deadline=None, max_examples=50)
@given(NASTY, NASTY, NASTY)
@example("0", "\x85", "0")
@example("\u2028", "0", "\u2029")
@example("0", "0", "\x85")
@example("a\u202eb", "\u2066\\u202E", "\u061c")
def test_no_name_from_outside_breaks_the_card(name: str, reason: str, column: str) -> None:
    recipe = {"name": name, "stages": [{"pii": {"kinds": [reason]}}], column: reason}
    text = card(
        name=name,
        recipe=recipe,
        stages=(StageCount(name="read", docs_in=1, docs_out=0, drops={reason: 1}),),
        schema=pa.schema([("text", pa.string()), (f"c{column}", pa.int8())]),
        versions={"gristmill": reason},
        assets={column: reason},
        inputs=(InputFile(path=f"/x/{name}", kind="jsonl", size=1, etag=""),),
    )
    parsed = DatasetCard(text)
    assert titles(text) == SECTIONS
    assert [len(rows) for rows in tables(text)] == [3, 3, 4, 2, 2, 2, 2]
    assert parsed.data.to_dict()["dataset_info"]["features"][1]["name"] == f"c{column}"
    header = text.split("\n# ")[0]
    assert not re.search("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", header)
    blocks = [t for t in PARSER.parse(parsed.text) if t.type == "fence"]
    assert [t.info for t in blocks] == ["python", "yaml", "sh"]
    assert yaml.safe_load(blocks[1].content) == recipe
    html = PARSER.render(parsed.text)
    allowed = "h1|h2|p|table|thead|tbody|tr|th|td|code|pre|ul|li|a|blockquote|em"
    assert not re.findall(rf"<(?!/?(?:{allowed})\b)", html)
    assert re.findall('href="(.*?)"', html) == ["https://commoncrawl.org/terms-of-use"]


@pytest.mark.parametrize(
    ("docs", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**9 - 1, "100M<n<1B"),
     (10**12 - 1, "100B<n<1T"), (10**12, "n>1T")],
)  # fmt: skip
def test_size_categories(docs: int, category: str) -> None:
    assert size_category(docs) == category


def test_language_codes() -> None:
    labels = {"eng_Latn": 9, "en": 8, "zh-Hant": 3, "ENG": 2, "": 1, "und_Latn": 1}
    assert language_codes(labels) == ["eng", "en", "zh"]
