"""datatrove's steps in a recipe: their verdicts, our books."""

import gzip
import json
import pickle
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gristmill
from gristmill.errors import ConfigError, ShardError
from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FinewebQuality
from gristmill.filters.gopher_quality import GopherQuality
from gristmill.filters.gopher_repetition import GopherRepetition
from gristmill.pipeline.datatrove.stage import Datatrove
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import apply
from gristmill.recipe import Recipe, parse_recipe

FILTERS = "datatrove.pipeline.filters"
FINEWEB = (
    (GopherRepetition(), "GopherRepetitionFilter", {}),
    (GopherQuality(), "GopherQualityFilter", {}),
    (C4(), "C4QualityFilter", {"filter_no_terminal_punct": False}),
    (FinewebQuality(), "FineWebQualityFilter", {}),
)
Verdict = tuple[str | None, str]


def theirs(*steps: tuple[str, dict[str, Any]], **more: Any) -> Datatrove:
    return Datatrove(
        pipeline=tuple({"step": f"{FILTERS}.{n}", "arguments": a} for n, a in steps), **more
    )


def verdicts(stages: list[Any], texts: list[str], reason: str) -> list[Verdict]:
    """(reason, text) of each text after several stages; text counts for kept ones only."""
    batch, found = documents(texts), {}
    for stage in stages:
        batch, rejected = apply(stage, batch)
        found |= {row["key"]: (row[reason], "") for row in rejected.to_pylist()}
    found |= {row["key"]: (None, row["text"]) for row in batch.to_pylist()}
    return [found[i] for i in range(len(texts))]


def same_as_ours(texts: list[str]) -> list[Verdict]:
    stage = theirs(*((name, arguments) for _, name, arguments in FINEWEB))
    found = verdicts([stage], texts, "datatrove.reason")
    assert found == verdicts([ours for ours, _, _ in FINEWEB], texts, "reason")
    return found


def test_the_fineweb_filters_judge_as_our_stages_do(corpus: Path) -> None:
    texts = [json.loads(line)["text"] for path in sorted(corpus.iterdir()) for line in path.open()]
    found = same_as_ours(texts)
    assert len({reason for reason, _ in found}) >= 7
    assert sum(reason is None for reason, _ in found) >= 12


def test_the_fineweb_filters_judge_real_pages_as_our_stages_do(shared_data: Path) -> None:
    with gzip.open(shared_data / "gold.jsonl.gz", "rt", encoding="utf-8") as file:
        pages = [json.loads(line)["gold_text"] for line in islice(file, 0, 480, 32)]
    texts = [text for text in pages if text]
    found = same_as_ours(texts)
    assert 0 < sum(reason is None for reason, _ in found) < len(texts)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["", "The mill.", "#", "the of and to", "mill " * 60]), max_size=12),
    st.integers(0, 12),
)
def test_a_document_is_judged_alone(texts: list[str], cut: int) -> None:
    stage = theirs(("GopherQualityFilter", {"min_doc_words": 1}), ("FineWebQualityFilter", {}))
    whole = verdicts([stage], texts, "datatrove.reason")
    parts = [verdicts([stage], part, "datatrove.reason") for part in (texts[:cut], texts[cut:])]
    assert whole == parts[0] + parts[1]


def test_the_first_step_that_drops_counts_and_a_formatter_rewrites() -> None:
    symbols = {"step": "datatrove.pipeline.formatters.SymbolLinesFormatter"}
    stars = {"step": f"{FILTERS}.RegexFilter", "arguments": {"regex_exp": r"\*"}}
    oats = {"step": f"{FILTERS}.RegexFilter", "arguments": {"regex_exp": "oats"}}
    batch = documents(["Rye.\n***\nMore rye.", "Rye *and* oats.", "Oats: oats."])
    kept, rejected = apply(Datatrove(pipeline=(symbols, stars, oats)), batch)
    assert kept["text"].to_pylist() == ["Rye.\nMore rye."]
    assert rejected["reason"].to_pylist() == ["RegexFilter", "RegexFilter_2"]
    assert rejected["datatrove.reason"].to_pylist() == [None, None]
    kept, _ = apply(Datatrove(pipeline=(stars, symbols)), batch)
    assert kept["text"].to_pylist() == ["Oats: oats."]


def test_metadata_goes_in_and_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from datatrove.pipeline.filters import RegexFilter

    def look(self: Any, doc: Any) -> bool:
        doc.metadata["words"] = len(doc.text.split()) if doc.text else None
        doc.metadata["from"] = doc.metadata.get("url", "nowhere")
        return True

    monkeypatch.setattr(RegexFilter, "filter", look)
    step = ("RegexFilter", {"regex_exp": "look"})
    batch = documents(["One two", ""], ["https://a.example/", None])
    kept, _ = apply(theirs(step, signals={"words": "int64", "from": "string"}), batch)
    assert kept["datatrove.words"].to_pylist() == [2, None]
    assert kept["datatrove.from"].to_pylist() == ["https://a.example/", "nowhere"]
    assert kept.schema.field("datatrove.words").type == pa.int64()
    with pytest.raises(ShardError, match=r"datatrove\.from does not hold int64 .* mend `signals`"):
        apply(theirs(step, signals={"from": "int64"}), batch)


def test_a_run_accounts_for_every_document(corpus: Path, tmp_path: Path) -> None:
    stage = theirs(("GopherQualityFilter", {"min_doc_words": 80}), ("FineWebQualityFilter", {}))
    recipe = Recipe(inputs={"jsonl": (f"{corpus}/*.jsonl",)}, stages=(stage,))
    report = gristmill.run(recipe, tmp_path / "out")
    count = next(stage for stage in report.stages if stage.name == "datatrove")
    assert count.docs_in == 30 == count.docs_out + sum(count.drops.values())
    assert set(count.drops) == {"GopherQualityFilter", "FineWebQualityFilter"}
    rejected = pa.concat_tables(
        pq.read_table(path) for path in sorted(tmp_path.glob("out/documents/*.rejected.parquet"))
    )
    assert rejected.num_rows == sum(count.drops.values())
    assert {"gopher_short_doc", "char_dup_ratio"} <= set(rejected["datatrove.reason"].to_pylist())


def test_yaml_and_python_give_the_same(corpus: Path) -> None:
    body = {
        "name": "p",
        "inputs": {"jsonl": f"{corpus}/*.jsonl"},
        "stages": [
            {
                "datatrove": {
                    "pipeline": [
                        {
                            "step": f"{FILTERS}.GopherRepetitionFilter",
                            "arguments": {"top_n_grams": [[2, 0.3]]},
                        }
                    ],
                    "metadata": ["url", "id"],
                    "signals": {"x": "float64"},
                }
            }
        ],
    }
    recipe = parse_recipe(body, "yaml")
    step = ("GopherRepetitionFilter", {"top_n_grams": [[2, 0.3]]})
    made = theirs(step, metadata=("url", "id"), signals={"x": "float64"})
    assert recipe.stages == (made,)
    assert parse_recipe(json.loads(json.dumps(recipe.to_dict())), "again") == recipe
    again = pickle.loads(pickle.dumps(made))  # noqa: S301
    assert again == made
    assert hash(again) == hash(made)
    assert recipe.plan().stage_versions == {"datatrove": 1}


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "datatrove.io.DataFolder",
        "datatrove.pipeline.filters",
        "datatrovex.pipeline.filters.X",
        "datatrove.pipeline._hidden.X",
        "datatrove.pipeline.filters.X()",
        "datatrove.pipeline..X",
        "",
    ],
)
def test_a_path_outside_datatrove_is_refused_when_read(path: str) -> None:
    body = {"stages": [{"datatrove": {"pipeline": [{"step": path}]}}]}
    with pytest.raises(ConfigError, match=r"r: datatrove\.pipeline\.0\.step: a step is a class"):
        parse_recipe(body, "r")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pipeline": [{"stpe": "x"}]}, "stpe"),
        ({"signals": {"reason": "string"}}, r"datatrove\.reason is a column of its own"),
        ({"signals": {"n": "int"}}, "signals.n"),
        ({"steps": []}, "unknown key steps"),
    ],
)
def test_wrong_fields(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_recipe({"stages": [{"datatrove": fields}]}, "r")


def test_a_wrong_step_shows_when_the_plan_is_made(corpus: Path) -> None:
    stage = theirs(("GopherQualityFilter", {"min_words": 80}))
    recipe = Recipe(inputs={"jsonl": (f"{corpus}/*.jsonl",)}, stages=(stage,))
    with pytest.raises(ConfigError, match="GopherQualityFilter has no argument min_words; known: "):
        recipe.plan()


def test_missing_metadata_shows_before_work(corpus: Path) -> None:
    stage = theirs(("GopherQualityFilter", {}), metadata=("dump",))
    recipe = Recipe(inputs={"jsonl": (f"{corpus}/*.jsonl",)}, stages=(stage,))
    with pytest.raises(ConfigError, match="stage datatrove needs column dump"):
        recipe.rounds(recipe.plan())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_step_that_fails_names_the_document() -> None:
    with pytest.raises(ShardError, match=r"GopherQualityFilter failed on document 1: .*Error"):
        apply(theirs(("GopherQualityFilter", {"min_doc_words": None})), documents(["Rye.", ""]))


def test_nothing_imports_datatrove_before_it_is_needed() -> None:
    code = (
        "import sys, gristmill.recipe, gristmill.cli\n"
        "gristmill.Datatrove().steps()\n"
        "print([m for m in sys.modules if m.split('.')[0] == 'datatrove'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
