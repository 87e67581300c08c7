"""YAML and Python give the same frozen recipe; its plan changes exactly when output may."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.errors import ConfigError
from gristmill.filters.gopher_quality import GopherQuality
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import Judge
from gristmill.recipe import (
    STAGES,
    Recipe,
    find_recipe,
    load_recipe,
    parse_recipe,
    preset_files,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "x"}\n')
    return path


@pytest.mark.parametrize("name", sorted(preset_files()))
def test_presets_survive_the_round_trip(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.stages
    assert parse_recipe(recipe.to_dict(), "again") == recipe
    assert parse_recipe(yaml.safe_load(yaml.safe_dump(recipe.to_dict())), "yaml") == recipe
    assert [n for n, _ in recipe.named_stages()] == [
        n for e in recipe.to_dict()["stages"] for n in e
    ]


def test_the_presets_are_those_that_are_shipped() -> None:
    assert {"demo", "fineweb"} <= set(preset_files())


@settings(max_examples=60)
@given(
    order=st.lists(st.sampled_from(sorted(STAGES)), unique=True),
    words=st.integers(1, 10_000),
    threshold=st.floats(0, 1),
    keep=st.sampled_from(["ids", "excerpt", "text"]),
    vocab=st.none() | st.integers(257, 60_000),
    val=st.floats(0, 0.99),
)
def test_any_recipe_survives_the_round_trip(
    order: list[str], words: int, threshold: float, keep: str, vocab: int | None, val: float
) -> None:
    parameters = {"gopher_quality": {"min_words": words}, "language": {"threshold": threshold}}
    body: dict[str, Any] = {
        "name": "any",
        "keep_rejected": keep,
        "stages": [{name: parameters.get(name, {})} for name in order],
    }
    if vocab:
        body |= {"tokenizer": {"train": {"vocab_size": vocab}}, "shards": {"val_fraction": val}}
        body["dataset"] = {"columns": [keep], "val_fraction": val}
    recipe = parse_recipe(body, "made")
    assert parse_recipe(recipe.to_dict(), "again") == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301


def test_python_and_yaml_give_the_same(source: Path) -> None:
    body = {"name": "p", "inputs": {"jsonl": str(source)}, "stages": [{"gopher_quality": {}}]}
    made = Recipe(name="p", inputs={"jsonl": (str(source),)}, stages=(GopherQuality(),))
    assert parse_recipe(body, "yaml") == made
    assert made.plan() == parse_recipe(made.to_dict(), "again").plan()


def test_a_stage_of_a_recipe_is_a_plain_function() -> None:
    recipe = load_recipe("demo")
    batch = documents(["short", None])
    at = [name for name, _ in recipe.named_stages()].index("gopher_quality")
    judge = recipe.stages[at]
    assert isinstance(judge, Judge)
    for step in judge.steps()[:-1]:
        batch = step(batch)
    assert judge(batch).to_pylist()[0] == "gopher_short_doc"


@pytest.mark.parametrize("name", sorted(STAGES))
def test_every_stage_is_documented_frozen_and_picklable(name: str) -> None:
    kind = STAGES[name]
    assert kind.__doc__
    assert kind.__module__.startswith("gristmill.")
    stage = kind()
    assert pickle.loads(pickle.dumps(stage)) == stage  # noqa: S301
    assert hash(stage) == hash(kind())
    field = next(iter(kind.model_fields), None)
    if field:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(stage, field, getattr(stage, field))
    with pytest.raises(ValidationError, match=r"[Ee]xtra"):
        kind(no_such_parameter=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "a recipe is a mapping"),
        ({"stagse": []}, r"r\.yaml: unknown key stagse; did you mean stages\?"),
        ({"stages": "c4"}, "stages must be a list"),
        ({"stages": [{"c5": {}}]}, r"unknown stage c5; did you mean c4\?"),
        ({"stages": [{"c4": {}, "pii": {}}]}, "a stage is written `- name: {parameters}`"),
        ({"stages": [7]}, "a stage is written"),
        ({"stages": [{"c4": [1]}]}, "c4: must be a mapping of parameters"),
        ({"stages": [{"gopher_quality": {"min_wrods": 1}}]}, r"did you mean min_words\?"),
        ({"stages": [{"language": {"threshold": 1.5}}]}, r"language\.threshold: .*less than.*1\.5"),
        ({"inputs": {"wrac": "x"}}, r"inputs: unknown key wrac; did you mean warc\?"),
        ({"inputs": {"sample": 0}}, r"inputs\.sample: .*greater than or equal to 1"),
        ({"tokenizer": {"train": {"vocab_size": 256}}}, r"tokenizer\.train\.vocab_size: .*257"),
        ({"tokenizer": {}}, "tokenizer: give either train or path"),
        ({"tokenizer": {"train": {}, "path": "x"}}, "give either train or path"),
        ({"shards": {}}, "shards need a tokenizer"),
        ({"tokenizer": {"train": {}}, "shards": {"val_fraction": 1}}, r"shards\.val_fraction"),
        ({"dataset": {"lisence": "x"}}, r"dataset: unknown key lisence; did you mean license\?"),
        ({"dataset": {"val_fraction": 1}}, r"dataset\.val_fraction: .*less than 1"),
        ({"keep_rejected": "all"}, r"keep_rejected: .*'ids', 'excerpt' or 'text'"),
        ({"name": ""}, "name: .*at least 1 character"),
        (
            {"tokenizer": {"train": {"vocab_size": 70000}}, "shards": {"dtype": "uint16"}},
            r"70000 is too large for dtype uint16 .*shards\.dtype=uint32",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(body: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_recipe(body, "r.yaml")
    assert str(caught.value).startswith("r.yaml: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    for body, message in (
        ("a: [", "not YAML"),
        ("- a", "a recipe is a mapping"),
        ("#" * (1 << 20) + "##", "larger than 1 MiB"),
    ):
        path.write_text(body)
        with pytest.raises(ConfigError, match=message):
            load_recipe(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not YAML"):
        load_recipe(str(path))
    with pytest.raises(ConfigError, match="no such recipe file, nor one of the presets demo, "):
        find_recipe("nothing")


def body(source: Path) -> dict[str, Any]:
    return {
        "name": "p",
        "inputs": {"jsonl": str(source)},
        "stages": [{"gopher_quality": {}}],
        "tokenizer": {"train": {"vocab_size": 300}},
        "shards": {},
    }


def test_the_run_id_changes_with_everything_that_counts(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_id(**changes: Any) -> str:
        return parse_recipe(body(source) | changes, "r").plan().run_id

    ids = [
        run_id(),
        run_id(name="q"),
        run_id(keep_rejected="ids"),
        run_id(stages=[{"gopher_quality": {"min_words": 51}}]),
        run_id(stages=[{"gopher_quality": {}}, {"exact_dedup": {}}]),
        run_id(tokenizer={"train": {"vocab_size": 301}}),
        run_id(shards={"seed": 2}),
        run_id(shards=None),
    ]
    assert run_id() == ids[0]
    source.write_text('{"text": "y"}\n')
    ids.append(run_id())
    monkeypatch.setattr(GopherQuality, "version", 99)
    ids.append(run_id())
    monkeypatch.setattr(GopherQuality, "assets", lambda _: {"list": "abc"})
    ids.append(run_id())
    monkeypatch.setattr("gristmill.recipe.installed_versions", lambda: {"numpy": "0"})
    ids.append(run_id())
    assert len(set(ids)) == len(ids)


def test_the_run_id_does_not_depend_on_where_it_is_run(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = parse_recipe(body(source), "r")
    here = recipe.plan().run_id
    monkeypatch.chdir(source.parent)
    assert recipe.plan().run_id == here
    relative = parse_recipe(body(source) | {"inputs": {"jsonl": source.name}}, "r")
    ids = {relative.plan().run_id}
    (source.parent / "sub").mkdir(exist_ok=True)
    monkeypatch.chdir(source.parent / "sub")
    up = parse_recipe(body(source) | {"inputs": {"jsonl": f"../{source.name}"}}, "r")
    ids.add(up.plan().run_id)
    assert len(ids) == 1


def test_stages_that_do_not_fit_stop_before_any_work(source: Path) -> None:
    recipe = parse_recipe(body(source) | {"stages": ["extract"]}, "r")
    with pytest.raises(ConfigError, match="stage extract needs column html"):
        recipe.rounds(recipe.plan())


@pytest.mark.parametrize("setting", ["min_words=20", "min_stop_words=1", "min_stop_words=null"])
def test_a_prescreen_stricter_than_what_follows_is_refused(setting: str) -> None:
    field = setting.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"prescreen\.{field} .* would drop what that keeps"):
        load_recipe("fineweb", [f"gopher_quality.{setting}"])
    load_recipe("fineweb", [f"gopher_quality.{setting}", f"prescreen.{setting}"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["language.keep=[]"], "wants every language"),
        (["language.keep=[en,de]"], "language.keep has de, which prescreen.languages lacks"),
        (["prescreen.languages=[]"], "prescreen"),
        (["extract.cpu_seconds=.inf"], "cpu_seconds"),
        (["extract.cpu_seconds=1e300"], "cpu_seconds"),
    ],
)
def test_settings_that_would_lose_or_block_everything(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe("fineweb", settings)


def test_prescreen_and_language_may_differ_where_nothing_is_lost() -> None:
    load_recipe("fineweb", ["prescreen.drop_below=null", "language.keep=[]"])
    load_recipe("fineweb", ["prescreen.languages=[en,de]", "language.keep=[de]"])


def test_an_encoding_of_tiktoken_is_a_round_of_its_own(tmp_path) -> None:
    """Also where its file is gone: a finished run is read without it."""
    (tmp_path / "docs.jsonl").write_text('{"text": "mill"}\n')
    inputs = {"jsonl": [str(tmp_path / "docs.jsonl")]}
    plan = parse_recipe({"inputs": inputs}, "x").plan()
    for block, made in (
        ({"tiktoken": "o200k_base"}, True),
        ({"path": str(tmp_path / "gone.tiktoken")}, True),
        ({"path": str(tmp_path / "gone.json")}, False),
    ):
        recipe = parse_recipe({"inputs": inputs, "tokenizer": block}, "x")
        names = [r.name for r in recipe.rounds(plan)]
        assert names == ["documents", *["tokenizer"] * made]
