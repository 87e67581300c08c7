"""Three small filter families, of which the second rewrites the text, and runs of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns
from gristmill.pipeline.whatif.fate import KEPT, Fate


def family(column: str, cut: int) -> type[Judge]:
    """Return a judge of text lengths, measured in ``column`` after cutting off some characters."""

    class Size(Map):
        needs = ("text",)
        unit: int = 1

        def adds(self) -> Mapping[str, pa.DataType]:
            return {column: pa.int64()} | ({"text": pa.string()} if cut else {})

        def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
            texts = [text[cut:] for text in batch.column("text").to_pylist()]
            columns = {column: pa.array([len(t) // self.unit for t in texts], pa.int64())}
            if cut:
                columns["text"] = pa.array(texts, pa.string())
            return with_columns(batch, columns)

    class Between(Judge):
        needs = (column,)
        low: int | None = 2
        high: int | None = 12
        unit: int = 1

        def steps(self) -> tuple[Map | Judge, ...]:
            return Size(unit=self.unit), self

        def reasons(self) -> tuple[str, ...]:
            return ("short", "long")

        def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
            size, checks = batch.column(column), []
            if self.low is not None:
                checks.append(("short", pc.less(size, self.low)))
            if self.high is not None:
                checks.append(("long", pc.greater(size, self.high)))
            return first_reason(batch.num_rows, *checks)

    return Between


FAMILIES = {"a": family("a.size", 0), "b": family("b.size", 2), "c": family("c.size", 0)}

Made = tuple[RunFolder, list[Round]]


@pytest.fixture
def families() -> dict[str, type[Judge]]:
    """Stages by name, in the order in which ``trial_run`` runs them."""
    return FAMILIES


@pytest.fixture
def trial_run(
    make_run: Callable[..., Made], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Made]:
    """Run the three families over files, with parameters by name."""

    def run(
        paths: list[Path], parameters: Mapping[str, Any] | None = None, keep: str = "text"
    ) -> Made:
        stages = [
            (name, kind(**(parameters or {}).get(name, {}))) for name, kind in FAMILIES.items()
        ]
        folder, rounds = make_run(paths, stages, out=str(tmp_path_factory.mktemp("run") / "out"))
        rounds = [replace(r, work=replace(r.work, keep_rejected=keep)) for r in rounds]
        execute(folder, rounds, LocalRunner())
        return folder, rounds

    return run


@pytest.fixture
def fates() -> Callable[[Made], dict[int, Fate]]:
    """Read what became of every document, by key."""

    def read(made: Made) -> dict[int, Fate]:
        folder, rounds = made
        found: dict[int, Fate] = {}
        for path in folder.outputs(rounds[0].name, ".kept.parquet"):
            found |= dict.fromkeys(pq.read_table(path)["key"].to_pylist(), KEPT)
        for path in folder.outputs(rounds[0].name, ".rejected.parquet"):
            for row in pq.read_table(path, columns=["key", "stage", "reason"]).to_pylist():
                found[row["key"]] = Fate(row["stage"], row["reason"])
        return found

    return read


@pytest.fixture
def moved(fates: Callable[[Made], dict[int, Fate]]) -> Callable[[Made, Made], Counter[Any]]:
    """Count the documents whose fate differs between two runs."""

    def count(one: Made, two: Made) -> Counter[Any]:
        old, new = fates(one), fates(two)
        assert old.keys() == new.keys()
        return Counter((old[key], new[key]) for key in old if old[key] != new[key])

    return count
