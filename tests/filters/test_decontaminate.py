"""The stage: planted items, near misses, its assets, its thresholds."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters.decontaminate import Decontaminate
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import Judge, apply

ITEM = (
    "A miller grinds nine sacks of rye before noon and four sacks of oats after it. "
    "How many sacks does she grind in all on that day?"
)
SHORT = "Which of the two wheels turns the stone?"
PASSAGE = (
    "The mill stands where the brook leaves the wood. Its wheel is of oak and turns a shaft that "
    "drives two pairs of stones, the upper of which is lifted by a wedge so that the flour comes "
    "out as coarse or as fine as the baker has asked for on the slate beside the door."
)
FILLER = "Visitors may come any day but Monday, and children pay half of what their parents do. "
LONG_PAGE = FILLER * 40 + ITEM + " " + FILLER * 40


def write(path: Path, *items: object) -> str:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return str(path)


@pytest.fixture
def evals(tmp_path: Path) -> str:
    return write(tmp_path / "mill.jsonl", {"q": ITEM}, {"q": SHORT}, {"q": PASSAGE}, {"q": "Why?"})


def verdicts(judge: Judge, texts: list[str | None]) -> list[str | None]:
    kept, rejected = apply(judge, documents(texts))
    found = dict(zip(rejected["key"].to_pylist(), rejected["reason"].to_pylist(), strict=True))
    return [found.get(key) for key in range(kept.num_rows + rejected.num_rows)]


@pytest.mark.parametrize(
    ("text", "item"),
    [
        (ITEM, "mill.jsonl:1"),
        (ITEM.upper().replace(". ", " -- ").replace("rye", "rýe"), "mill.jsonl:1"),
        ("1. " + ITEM.replace(" ", "\n\t"), "mill.jsonl:1"),
        (LONG_PAGE, "mill.jsonl:1"),
        (f"{FILLER}{SHORT}{FILLER}", "mill.jsonl:2"),
        (PASSAGE[:150], "mill.jsonl:3"),
    ],
)
def test_planted_items_are_found(evals: str, columns, text: str, item: str) -> None:
    judge = Decontaminate(evals=evals)
    assert verdicts(judge, [text]) == ["contaminated"]
    assert columns(judge, [text])["decontaminate.item"] == [item]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " \n",
        FILLER,
        "Why?",
        ITEM.replace("rye", "barley").replace("oats", "maize").replace("does she", "will he"),
        " ".join(reversed(ITEM.split())),
        "Which of the two wheels turns a stone?",
        "of which is lifted by a wedge so that the flour comes out as coarse as sand",
    ],
)
def test_near_misses_are_kept(evals: str, text: str | None) -> None:
    assert verdicts(Decontaminate(evals=evals), [text]) == [None]


def test_signals_tell_how_much_of_which_item(evals: str, columns) -> None:
    quotation = "upper of which is lifted by a wedge so that the flour comes out"  # 14 words
    found = columns(Decontaminate(evals=evals), [quotation, None, PASSAGE])
    n = len(PASSAGE.split()) - 12
    assert found["decontaminate.ngrams"] == [1 + 1, 0, n]
    assert found["decontaminate.share"] == [pytest.approx(2 / n), 0.0, 1.0]
    assert found["decontaminate.item"] == ["mill.jsonl:3", None, "mill.jsonl:3"]
    assert verdicts(Decontaminate(evals=evals), [quotation]) == [None]
    # As GPT-3 and datatrove do: for a single n-gram.
    assert verdicts(Decontaminate(evals=evals, min_share=0), [quotation]) == ["contaminated"]
    assert verdicts(Decontaminate(evals=evals, min_share=0, min_ngrams=3), [quotation]) == [None]
    assert verdicts(Decontaminate(evals=evals, min_share=0), [FILLER, "", None]) == [None] * 3


letters = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6)
item_words = st.lists(letters, min_size=13, max_size=40, unique=True)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(items=st.lists(item_words, min_size=1, max_size=5), data=st.data())
def test_a_document_with_a_whole_item_is_always_found(
    tmp_path: Path, items: list[list[str]], data: st.DataObject
) -> None:
    """Any item of 13 words and more, in any text, whatever the order of files and lines."""
    texts = [" ".join(item) for item in items]
    where = data.draw(st.lists(st.sampled_from("ab"), min_size=len(texts), max_size=len(texts)))
    by_file = {name: [t for t, w in zip(texts, where, strict=True) if w == name] for name in "ab"}
    paths = [write(tmp_path / f"{n}.jsonl", *own) for n, own in by_file.items() if own]
    before, after = data.draw(st.text()), data.draw(st.text())
    pages = [f"{before} {text} {after}" for text in texts]
    judge = Decontaminate(evals=paths)
    measured = judge.steps()[0](documents(pages))
    assert measured["decontaminate.share"].to_pylist() == [1.0] * len(texts)
    assert verdicts(judge, pages) == ["contaminated"] * len(texts)
    partly = [" ".join(item[: data.draw(st.integers(0, len(item)))]) for item in items]
    first = verdicts(judge, partly)
    assert verdicts(Decontaminate(evals=paths[::-1]), partly) == first
    for name, own in by_file.items():
        write(tmp_path / f"{name}.jsonl", *own[::-1])
    assert verdicts(Decontaminate(evals=paths), partly) == first


def test_the_judge_reads_signals_only(evals: str) -> None:
    """So ``whatif`` can judge again, and a run needs the evaluation sets for measuring only."""
    signals, judge = Decontaminate(evals=evals).steps()
    assert isinstance(judge, Judge)
    batch = signals(documents([LONG_PAGE, FILLER])).select(list(judge.needs))
    assert {name.split(".")[0] for name in judge.needs} == {"decontaminate"}
    elsewhere = Decontaminate(evals="/none.jsonl")
    assert elsewhere(batch).to_pylist() == judge(batch).to_pylist() == ["contaminated", None]
    thresholds = set(type(judge).model_fields) - set(type(signals).model_fields)
    assert thresholds == {"min_ngrams", "min_share"}


def test_assets_follow_the_content(evals: str, tmp_path: Path) -> None:
    judge = Decontaminate(evals=evals)
    first = judge.assets()
    assert first.keys() == {"mill.jsonl"}
    write(tmp_path / "mill.jsonl", {"q": FILLER})
    assert judge.assets() != first
    assert verdicts(judge, [ITEM, FILLER]) == [None, "contaminated"]


def test_parameters(evals: str, tmp_path: Path) -> None:
    both = write(tmp_path / "both.jsonl", {"q": ITEM, "source": PASSAGE})
    assert verdicts(Decontaminate(evals=both), [PASSAGE]) == ["contaminated"]
    assert verdicts(Decontaminate(evals=both, fields="q"), [PASSAGE, ITEM]) == [
        None, "contaminated",
    ]  # fmt: skip
    assert verdicts(Decontaminate(evals=evals, min_words=9), [SHORT]) == [None]
    assert verdicts(Decontaminate(evals=evals, ngram=3), ["grinds nine sacks"]) == [None]
    assert verdicts(Decontaminate(evals=evals, ngram=3, min_share=0), ["grinds nine sacks"]) == [
        "contaminated"
    ]


def test_what_could_never_find_anything_is_refused(evals: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no evaluation sets; name JSONL files"):
        Decontaminate().assets()
    with pytest.raises(ConfigError, match="cannot read"):
        Decontaminate(evals=str(tmp_path / "none.jsonl")).assets()
    short = write(tmp_path / "short.jsonl", {"q": "Why?"}, {"q": "Who?"})
    with pytest.raises(ConfigError, match=r"short.jsonl: none of its 2 items .* of 8 words\)"):
        Decontaminate(evals=[evals, short]).assets()


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "fields", "least"),
    [
        ("hellaswag_val", ("ctx", "endings", "label"), 0.97),
        ("arc_easy", ("query", "choices", "gold"), 0.9),
        ("piqa", ("query", "choices", "gold"), 0.7),
    ],
)
def test_real_items_with_the_right_answer_in_real_pages(
    shared_data: Path, gold, name: str, fields: tuple[str, str, str], least: float
) -> None:
    """A page with question and right answer goes, the page without them stays."""
    path = shared_data / "text" / "eval" / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no evaluation set at {path}")
    question, answers, right = fields
    with gzip.open(path, "rt") as file:
        items = [json.loads(next(file)) for _ in range(200)]
    own = [f"{item[question]} {item[answers][item[right]]}" for item in items]
    pages = [page["text"] for page in gold[:200]]
    planted = [
        f"{page[:2000]} \n{text}\n {page[2000:]}" for page, text in zip(pages, own, strict=True)
    ]
    judge = Decontaminate(evals=str(path))
    assert verdicts(judge, pages) == [None] * 200
    assert verdicts(judge, planted).count("contaminated") >= least * 200
