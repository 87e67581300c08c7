"""Thresholds may change; what is measured may not."""

from typing import Any

import pytest

from gristmill.errors import ConfigError
from gristmill.pipeline.dedup.exact import ExactDedup
from gristmill.pipeline.segment import Segment, Step
from gristmill.pipeline.stage import Judge, Map
from gristmill.pipeline.whatif.changes import changed_judges, parameters
from gristmill.recipe import STAGES


def segment(keep: Any = "text", **stages: Any) -> Segment:
    steps = [Step(name, step) for name, stage in stages.items() for step in stage.steps()]
    return Segment(None, tuple(steps), keep)


def test_judges_that_differ_and_their_parameters(families: dict[str, Any]) -> None:
    a, b = families["a"], families["b"]
    old, new = segment(a=a(), b=b()), segment(a=a(), b=b(low=1, high=None))
    assert changed_judges(old, old) == []
    assert changed_judges(old, new) == [3]
    assert parameters(old, new) == {"b.low": (2, 1), "b.high": (12, None)}


def test_what_changes_a_map_is_refused_with_what_may_change(families: dict[str, Any]) -> None:
    a = families["a"]
    told = (
        r"a: unit 1 -> 2 changes what is measured or written, .* make a new run with it\. "
        r"Parameters of a that whatif can change: high, low$"
    )
    with pytest.raises(ConfigError, match=told):
        changed_judges(segment(a=a()), segment(a=a(unit=2)))


@pytest.mark.parametrize(
    ("stage", "old", "new", "told"),
    [
        ("c4", {}, {"min_words_per_line": 2}, "min_words_per_line 3 -> 2"),
        ("fineweb_quality", {}, {"short_line_length": 20}, "short_line_length 30 -> 20"),
        ("gopher_quality", {}, {"stop_words": ("a",)}, "stop_words"),
        ("language", {}, {"keep": ("de",)}, "keep"),
        ("language", {}, {"threshold": 0.005}, "exact_above 0.01 -> 0.005"),
        ("url_filter", {}, {"extra_domains": ("mill.example",)}, "extra_domains"),
        ("pii", {}, {"action": "drop"}, "action 'replace' -> 'drop'"),
        ("pii", {"action": "drop"}, {"action": "drop", "kinds": ("ip",)}, "kinds"),
        ("extract", {}, {"engine": "resiliparse"}, "engine .* can change: none"),
    ],
)
def test_published_stages_that_measure_otherwise(
    stage: str, old: dict[str, Any], new: dict[str, Any], told: str
) -> None:
    kind = STAGES[stage]
    with pytest.raises(ConfigError, match=f"^{stage}: {told}"):
        changed_judges(segment(**{stage: kind(**old)}), segment(**{stage: kind(**new)}))


@pytest.mark.parametrize(
    ("stage", "new"),
    [
        ("url_filter", {"soft_word_threshold": 1}),
        ("language", {"threshold": 0.05}),
        ("gopher_repetition", {"top_2_gram": None}),
        ("gopher_quality", {"min_words": 80, "max_words": None}),
        ("c4", {"min_sentences": None, "filter_curly_bracket": False}),
        ("fineweb_quality", {"keep_no_line_punct": True, "max_char_dup": 0.1}),
    ],
)
def test_published_thresholds(stage: str, new: dict[str, Any]) -> None:
    kind = STAGES[stage]
    old, other = segment(**{stage: kind()}), segment(**{stage: kind(**new)})
    assert parameters(old, other).keys() == {f"{stage}.{name}" for name in new}


@pytest.mark.parametrize("name", [n for n, kind in STAGES.items() if kind is not ExactDedup])
def test_judges_read_what_they_declare_and_no_more(name: str) -> None:
    """``whatif`` reads only the declared columns of the shards."""
    stage = STAGES[name]()
    types = {}
    for step in stage.steps() if isinstance(stage, Map | Judge) else ():
        if isinstance(step, Map):
            types |= dict(step.adds())
            continue
        assert set(step.needs) <= types.keys()
        assert len(step(batch_of(types, step.needs))) == 0


def batch_of(types: dict[str, Any], names: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], pa.schema([(name, types[name]) for name in names]))


class Reads(Judge):
    """Judges the text itself."""

    needs = ("text",)
    limit: int = 1

    def reasons(self) -> tuple[str, ...]:
        return ("x",)

    def __call__(self, batch: Any) -> Any:
        raise NotImplementedError


def test_a_judge_of_a_column_that_does_not_last(families: dict[str, Any]) -> None:
    told = "reads: cannot be judged again, because column text is not stored as it was then"
    one, two = Reads(), Reads(limit=2)
    assert changed_judges(segment(reads=one), segment(reads=two)) == [0]
    with pytest.raises(ConfigError, match=told):
        changed_judges(segment("excerpt", reads=one), segment("excerpt", reads=two))
    b = families["b"]()  # rewrites the text
    with pytest.raises(ConfigError, match=told):
        changed_judges(segment(reads=one, b=b), segment(reads=two, b=b))
    assert changed_judges(segment(b=b, reads=one), segment(b=b, reads=two)) == [2]
