"""From a list of stages to a list of rounds.

Maps and Judges are fused until a barrier needs all documents; then what is pending becomes a
segment. Barriers in a row share one segment: their drop lists are applied on the fly and written
once, by the next segment. Any other outcome of a barrier (it changes texts) is written before the
next barrier. The last segment is always called ``documents``.
"""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from gristmill.errors import ConfigError
from gristmill.pipeline.rounds import DropList, Gather, Round, View
from gristmill.pipeline.segment import KeepRejected, Segment, Step, columns_after, require
from gristmill.pipeline.source import Read
from gristmill.pipeline.stage import Judge, Map

DOCUMENTS = "documents"


def compile_rounds(
    stages: Sequence[tuple[str, Map | Judge | Gather]],
    tail: Sequence[tuple[str, Gather]],
    source: pa.Schema,
    keep_rejected: KeepRejected = "text",
) -> list[Round]:
    """Return the rounds of a run, in order.

    Args:
        stages: (name, stage) as in the recipe.
        tail: barriers that follow the finished documents (tokenizer, shards, dataset).
        source: columns of the inputs.
        keep_rejected: how much of a rejected document's text the ledger keeps.

    Raises:
        ConfigError: a stage stands twice or in the wrong place, or needs what nothing before it
            provides.
    """
    names = [name for name, _ in stages]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"stage {name} stands twice in the recipe; each may stand once")
    stages, tail = _split_off_last(stages, tail)
    rounds: list[Round] = []
    steps: list[Step] = [Step("read", Read())]
    base: View | None = None
    _check_needs(stages, tail, source, keep_rejected)

    def close(name: str) -> View:
        rounds.append(Round(name, Segment(base, tuple(steps), keep_rejected)))
        return View(name)

    for name, stage in stages:
        if not isinstance(stage, Gather):
            steps += [Step(name, step) for step in stage.steps()]
            continue
        if base is None or any(not isinstance(step.run, DropList) for step in steps):
            base = close("curate" if base is None else f"curate-{len(rounds)}")
            steps = []
        drops = tuple(step.run for step in steps if isinstance(step.run, DropList))
        rounds += stage.rounds(name, View(base.round, drops))
        if outcome := stage.outcome(name):
            steps.append(Step(name, outcome))
    earlier = tuple(round_.name for round_ in rounds)
    view = replace(close(DOCUMENTS), earlier=earlier)
    for name, gather in tail:
        rounds += gather.rounds(name, view)
    return rounds


def _split_off_last(
    stages: Sequence[tuple[str, Map | Judge | Gather]], tail: Sequence[tuple[str, Gather]]
) -> tuple[Sequence[tuple[str, Map | Judge | Gather]], Sequence[tuple[str, Gather]]]:
    """Move a final barrier that works on the finished documents to those that follow them."""
    for i, (name, stage) in enumerate(stages):
        if isinstance(stage, Gather) and stage.last:
            if i + 1 < len(stages):
                raise ConfigError(
                    f"stage {name} works on the finished documents: put it last in the recipe, "
                    f"after {stages[-1][0]}"
                )
            return stages[:i], [(name, stage), *tail]
    return stages, tail


def _check_needs(
    stages: Sequence[tuple[str, Map | Judge | Gather]],
    tail: Sequence[tuple[str, Gather]],
    source: pa.Schema,
    keep_rejected: KeepRejected,
) -> None:
    """Raise ConfigError where a stage needs a column that nothing before it provides."""
    steps = [Step("read", Read())]
    for name, stage in [*stages, *tail]:
        if not isinstance(stage, Gather):
            steps += [Step(name, step) for step in stage.steps()]
            continue
        have = columns_after(source, tuple(steps), keep_rejected)[0]
        require(name, stage.reads(), have.names)
        for column in stage.numbers():
            kind = have.field(column).type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                raise ConfigError(f"stage {name}: column {column} holds {kind}, no numbers")
        if outcome := stage.outcome(name):
            steps.append(Step(name, outcome))
    columns_after(source, tuple(steps), keep_rejected)
