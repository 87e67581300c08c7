"""What differs between two segments: thresholds only, or more than stored signals can tell."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from gristmill.errors import ConfigError
from gristmill.pipeline.rounds import Outcome
from gristmill.pipeline.segment import Segment, Step
from gristmill.pipeline.stage import Judge, Map


def changed_judges(old: Segment, new: Segment) -> list[int]:
    """Return which steps of a segment are judges with other thresholds.

    Raises:
        ConfigError: something else than a threshold differs, or a changed judge reads what is not
            stored as the judge saw it.
    """
    before, after = _by_stage(old.steps), _by_stage(new.steps)
    for stage, runs in before.items():
        for a, b in zip_longest(runs, after.get(stage, [])):
            if a != b and not (isinstance(a, Judge) and type(a) is type(b)):
                raise ConfigError(_refusal(stage, a, b, runs))
    pairs = zip(old.steps, new.steps, strict=True)
    changed = [i for i, (a, b) in enumerate(pairs) if a != b]
    for i in changed:
        _check_stored(old, i)
    return changed


def _by_stage(steps: Sequence[Step]) -> dict[str, list[Map | Judge | Outcome]]:
    found: dict[str, list[Map | Judge | Outcome]] = defaultdict(list)
    for step in steps:
        found[step.stage].append(step.run)
    return found


def _thresholds(runs: Sequence[Any]) -> list[str]:
    """Return the parameters of a stage's judges that none of its Maps has."""
    measured = {name for run in runs if isinstance(run, Map) for name in type(run).model_fields}
    judged = {name for run in runs if isinstance(run, Judge) for name in type(run).model_fields}
    return sorted(judged - measured)


def _refusal(stage: str, a: Any, b: Any, runs: Sequence[Any]) -> str:
    what = "another list of steps"
    if isinstance(a, Map) and type(a) is type(b):
        names = [n for n in type(a).model_fields if getattr(a, n) != getattr(b, n)]
        what = ", ".join(f"{n} {getattr(a, n)!r:.40} -> {getattr(b, n)!r:.40}" for n in names)
    free = ", ".join(_thresholds(runs)) or "none"
    return (
        f"{stage}: {what} changes what is measured or written, which stored signals cannot tell: "
        f"make a new run with it. Parameters of {stage} that whatif can change: {free}"
    )


def _check_stored(segment: Segment, at: int) -> None:
    """Raise ConfigError unless the columns that a judge reads still stand as it saw them."""
    step = segment.steps[at]
    lost = {"html", "read.problem"} | ({"text"} if segment.keep_rejected != "text" else set())
    for later in segment.steps[at + 1 :]:
        if isinstance(later.run, Map):
            lost |= {*later.run.adds(), *later.run.removes}
    if gone := sorted(lost.intersection(judge(step).needs)):
        raise ConfigError(
            f"{step.stage}: cannot be judged again, because column {gone[0]} is not stored as it "
            "was then; make a new run with the new parameters"
        )


def parameters(old: Segment, new: Segment) -> dict[str, tuple[Any, Any]]:
    """Return the thresholds that differ, as ``stage.parameter``: (old, new)."""
    return {
        f"{old.steps[i].stage}.{name}": (getattr(a, name), getattr(b, name))
        for i in changed_judges(old, new)
        for a, b in [(judge(old.steps[i]), judge(new.steps[i]))]
        for name in type(a).model_fields
        if getattr(a, name) != getattr(b, name)
    }


def judge(step: Step) -> Judge:
    """Return the judge of a step that is known to be one."""
    if not isinstance(step.run, Judge):
        raise TypeError(f"{step.stage}: not a judge")
    return step.run
