"""From finished documents to a folder that ``datasets`` loads: all of them, in order, always so."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.api import prepare, reopen, report, run
from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.dataset.stage import WriteDataset
from gristmill.pipeline.held_out import draws, limit
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.verify import verify
from gristmill.recipe import Recipe, parse_recipe

MADE = {"stages": ["exact_dedup", "pii"], "val_fraction": 0.2, "target_bytes": 5000}
WORDS = ("mill", "wheel", "stone", "grain", "flour", "river")


def text(n: int) -> str:
    return f"Text {n}: " + " ".join(WORDS[(n * k + k) % 6] for k in range(1, 60))


def inputs(folder: Path) -> list[str]:
    """Three files; the last repeats texts of the first."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, numbers in enumerate((range(80), range(80, 85), range(40, 120))):
        table = pa.table(
            {
                "id": [f"{number}-{n}" for n in numbers],
                "url": [f"https://mill.example/{number}/{n}" for n in numbers],
                "text": [text(n) for n in numbers],
                "language": pa.array(
                    [("en", "deu_Latn", None)[n % 3] for n in numbers], pa.string()
                ),
                "language_score": [n / 200 for n in numbers],
                "odd": [n % 7 for n in numbers],
            }
        )
        paths.append(str(folder / f"in-{number}.parquet"))
        pq.write_table(table, paths[-1])
    return paths


def recipe(paths: list[str], stages: Any = (), **block: Any) -> Recipe:
    body = {"name": "mill", "inputs": {"parquet": paths}, "stages": list(stages), "dataset": block}
    return parse_recipe(body, "test")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return inputs(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def made(sources: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    run(recipe(sources, **MADE), out)
    return out


def read(out: Path, split: str) -> list[pa.Table]:
    return [pq.read_table(p) for p in sorted((out / "dataset").glob(f"{split}-*.parquet"))]


def hashes(out: Path) -> dict[str, str]:
    names = ("dataset", "dataset_layout")
    paths = [path for name in names for path in sorted((out / name).iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def finished(out: Path) -> pa.Table:
    paths = sorted((out / "documents").glob("*.kept.parquet"))
    return pa.concat_tables([pq.read_table(path) for path in paths])


def test_every_document_stands_on_its_side_in_the_order_of_keys(made: Path) -> None:
    documents = finished(made)
    held = draws(documents["text"].combine_chunks()) < limit(0.2)
    assert 5 < held.sum() < documents.num_rows / 2
    for split, side in (("train", ~held), ("validation", held)):
        found = pa.concat_tables(read(made, split))
        assert found["id"].to_pylist() == documents.filter(pa.array(side))["id"].to_pylist()
        wanted = documents.filter(pa.array(side)).select(found.column_names)
        assert found.to_pylist() == wanted.to_pylist()


def test_counts_add_up(made: Path) -> None:
    folder, rounds = reopen(made)
    assert verify(folder, rounds, deep=50) == []
    stages = {stage.name: stage for stage in report(made).stages}
    assert stages["dataset"].docs_in == stages["dataset"].docs_out == stages["pii"].docs_out == 120


def test_files_keep_to_the_target(made: Path) -> None:
    tables = read(made, "train")
    assert len(tables) > 5
    sizes = [sum(map(len, t["text"].to_pylist())) for t in tables]
    assert max(sizes) <= 5000 + max(map(len, finished(made)["text"].to_pylist()))
    assert max(sizes) - min(sizes) < 1000


def test_columns(made: Path) -> None:
    names = ["text", "id", "url", "language", "language_score", "exact_dedup.cluster_size"]
    assert {tuple(t.column_names) for t in read(made, "train")} == {tuple(names)}
    sizes = pa.concat_tables(read(made, "train"))["exact_dedup.cluster_size"].to_pylist()
    assert set(sizes) == {None, 2}


def test_datasets_loads_the_folder(made: Path, tmp_path: Path, monkeypatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets", reason="no datasets: make install-dev")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    loaded = datasets.load_dataset(str(made / "dataset"), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    for split in loaded:
        found = pa.concat_tables(read(made, split))
        assert loaded[split].to_list() == found.to_pylist()
        assert loaded[split].features.arrow_schema.remove_metadata() == found.schema
    stream = datasets.load_dataset(
        str(made / "dataset"), split="validation", streaming=True, cache_dir=str(tmp_path / "cache")
    )
    assert [row["id"] for row in stream] == loaded["validation"]["id"][:]


def test_without_documents_there_is_a_file_and_a_card(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": "Write to miller@mill.org."}) + "\n")
    body = {"name": "none", "inputs": {"jsonl": str(source)}, "dataset": {},
            "stages": [{"pii": {"action": "drop"}}]}  # fmt: skip
    run(parse_recipe(body, "test"), tmp_path / "out")
    (table,) = read(tmp_path / "out", "train")
    assert (table.num_rows, table.column_names) == (0, ["text", "id", "url"])
    card = DatasetCard.load(tmp_path / "out" / "dataset" / "README.md")
    assert card.data.to_dict()["size_categories"] == ["n<1K"]


def test_the_card_tells_of_this_run(made: Path) -> None:
    card = DatasetCard.load(made / "dataset" / "README.md")
    data = card.data.to_dict()
    assert (data["pretty_name"], data["language"]) == ("mill", ["deu", "en"])
    info = {split["name"]: split for split in data["dataset_info"]["splits"]}
    for split in ("train", "validation"):
        assert info[split]["num_examples"] == sum(t.num_rows for t in read(made, split))
    parquet = (made / "dataset").glob("*.parquet")
    assert data["dataset_info"]["download_size"] == sum(p.stat().st_size for p in parquet)
    assert "| `exact_dedup` | 165 | 120 | 72.7% |" in card.text
    assert "| `exact_dedup` | `exact_duplicate` | 45 |" in card.text
    assert "`email`, `ip`" in card.text
    assert json.loads((made / "plan.json").read_bytes())["versions"]["pyarrow"] in card.text
    for secret in (os.uname().nodename, str(made), "cpu_seconds"):
        assert secret not in card.text


class Backwards(LocalRunner):
    """Executes tasks last to first, as no other runner does."""

    def map(self, folder: Any, round_: Any, tasks: Any, watch: Any) -> Any:
        return super().map(folder, round_, list(reversed(tasks)), watch)


def test_the_order_of_tasks_does_not_matter(made: Path, sources: list[str], tmp_path: Path) -> None:
    folder, rounds = prepare(recipe(sources, **MADE), tmp_path / "out")
    execute(folder, rounds, Backwards())
    assert hashes(tmp_path / "out") == hashes(made)


def test_what_is_missing_is_done_again(sources: list[str], tmp_path: Path) -> None:
    chosen = recipe(sources, val_fraction=0.2, target_bytes=5000)
    run(chosen, tmp_path / "out")
    before = hashes(tmp_path / "out")
    for name in ("00001.manifest.json", "card-00000.manifest.json"):
        (tmp_path / "out" / "dataset" / name).unlink()
    for name in ("train-00001-of-*.parquet", "README.md"):
        next((tmp_path / "out" / "dataset").glob(name)).unlink()
    run(chosen, tmp_path / "out")
    assert hashes(tmp_path / "out") == before


def test_a_cluster_stands_on_one_side(tmp_path: Path) -> None:
    clusters = [7 if n % 2 else None for n in range(60)]
    source = str(tmp_path / "in.parquet")
    column = pa.array(clusters, pa.uint64())
    pq.write_table(pa.table({"text": [text(n) for n in range(60)], "group": column}), source)
    run(recipe([source], cluster="group", columns=["group"], val_fraction=0.5), tmp_path / "out")
    held = draws(pa.array([text(n) for n in range(60)]), column) < limit(0.5)
    found = pa.concat_tables(read(tmp_path / "out", "validation"))
    assert found["text"].to_pylist() == [text(n) for n in np.flatnonzero(held).tolist()]
    assert found["group"].to_pylist().count(7) in (0, 30)


def test_a_cluster_column_without_keys_is_refused(sources: list[str], tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"column language is string, no keys .*cluster=null"):
        run(recipe(sources, cluster="language"), tmp_path / "out")


def test_inputs_of_other_columns_get_null(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    pq.write_table(pa.table({"text": ["one"], "date": ["2024"]}), paths[0])
    pq.write_table(pa.table({"text": ["two"], "language": ["en"]}), paths[1])
    run(recipe(paths, val_fraction=0), tmp_path / "out")
    rows = pa.concat_tables(read(tmp_path / "out", "train")).to_pylist()
    assert [(row["date"], row["language"]) for row in rows] == [("2024", None), (None, "en")]


def test_a_column_of_two_types_stops_the_run(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    pq.write_table(pa.table({"text": ["one"], "date": ["2024"]}), paths[0])
    pq.write_table(pa.table({"text": ["two"], "date": [2024]}), paths[1])
    with pytest.raises(ShardError, match="column date is string in some inputs and int64"):
        run(recipe(paths), tmp_path / "out")


def test_a_column_that_is_not_there_is_told_before_work(sources: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dataset needs column nothing"):
        run(recipe(sources, columns=["odd", "nothing"]), tmp_path / "out")
    assert not (tmp_path / "out" / "documents").exists()


def test_beside_token_shards(sources: list[str], tmp_path: Path) -> None:
    body = recipe(sources, target_bytes=5000).to_dict()
    body |= {"tokenizer": {"train": {"vocab_size": 300}}, "shards": {"target_tokens": 5000}}
    done = run(parse_recipe(body, "test"), tmp_path / "out")
    names = [stage.name for stage in done.stages]
    assert names == ["read", "tokenizer", "tokens", "shards", "dataset"]
    card = (tmp_path / "out" / "dataset" / "README.md").read_text("utf-8")
    assert "| `read` | 165 |" in card
    assert "| `shards`" not in card


@pytest.mark.parametrize("fraction", [0.005, 0.3])
def test_token_files_hold_out_the_same_documents(
    sources: list[str], tmp_path: Path, fraction: float
) -> None:
    """Also where so few are wanted that one is taken for want of any."""
    body = recipe(sources, val_fraction=fraction).to_dict()
    body |= {"tokenizer": {"train": {"vocab_size": 300}}, "shards": {"val_fraction": fraction}}
    out = tmp_path / "out"
    run(parse_recipe(body, "test"), out)
    for split, name in (("train", "train"), ("val", "validation")):
        indexes = sorted((out / "shards").glob(f"{split}_*.index.parquet"))
        tokens = [i for path in indexes for i in pq.read_table(path)["id"].to_pylist()]
        texts = [i for table in read(out, name) for i in table["id"].to_pylist()]
        assert sorted(map(str, tokens)) == sorted(map(str, texts))
        assert texts


DOC = st.tuples(st.text("ab \n🙂|`-", max_size=40), st.none() | st.text(max_size=5))
DOCS = st.lists(
    st.lists(
        st.tuples(st.text("ab \n🙂|`-", max_size=40), st.none() | st.text(max_size=5)), max_size=8
    ),
    min_size=1,
    max_size=3,
)


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(DOCS, st.integers(1000, 1100), st.sampled_from([0, 0.1, 0.5, 0.9]))
def test_no_document_is_lost_or_doubled(tmp_path_factory, docs, target, fraction) -> None:
    folder = tmp_path_factory.mktemp("any")
    paths = []
    for number, shard in enumerate(docs):
        paths.append(str(folder / f"{number}.parquet"))
        columns = {
            "text": pa.array([t * 30 for t, _ in shard], pa.string()),
            "url": pa.array([f"{number}/{i}" for i in range(len(shard))], pa.string()),
            "language": pa.array([label for _, label in shard], pa.string()),
        }
        pq.write_table(pa.table(columns), paths[-1])
    run(recipe(paths, target_bytes=target, val_fraction=fraction), folder / "out")
    every = [(f"{n}/{i}", t * 30, label) for n, shard in enumerate(docs)
             for i, (t, label) in enumerate(shard)]  # fmt: skip
    found = {}
    for split in ("train", "validation"):
        tables = read(folder / "out", split)
        rows = [row for table in tables for row in table.to_pylist()]
        found[split] = [(row["url"], row["text"], row["language"]) for row in rows]
    assert sorted(found["train"] + found["validation"]) == sorted(every)
    sides = {split: {" ".join(t.split()) for _, t, _ in rows} for split, rows in found.items()}
    assert not sides["train"] & sides["validation"]
    DatasetCard.load(folder / "out" / "dataset" / "README.md")


@pytest.mark.parametrize(
    "bad",
    [
        {"target_bytes": 999},
        {"val_fraction": 1},
        {"license": "My Licence"},
        {"license": ""},
        {"pretty_name": " "},
        {"pretty_name": "two\nlines"},
        {"colums": []},
    ],
)
def test_bad_parameters_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WriteDataset(**bad)


def test_parameters_are_described() -> None:
    assert all(field.description for field in WriteDataset.model_fields.values())
    assert WriteDataset(target_bytes="2MB").target_bytes == 2_000_000
