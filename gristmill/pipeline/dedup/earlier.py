"""What a barrier compares: the shards of this run and, if asked, those of earlier runs.

A document of an earlier run is *foreign*: it can be the reason why one of ours is dropped, and is
never dropped itself. It gets a key of its own, above all of ours, and the best rank there is.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator

from gristmill.errors import ConfigError, GristmillError, ShardError
from gristmill.pipeline.dedup.arrays import U64, Flags, Index
from gristmill.pipeline.dedup.clusters import FOREIGN
from gristmill.pipeline.manifest import Manifest
from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.rounds import DropList
from gristmill.pipeline.schema import KEY_BITS
from gristmill.pipeline.shard import RunFolder


@dataclass(frozen=True)
class ShardFile:
    """What one shard left for comparison.

    Attributes:
        folder: the run it stands in.
        manifest: of the task that wrote it.
        suffix: which of the task's files.
        foreign: number of documents of earlier runs before this file; None = our own.
    """

    folder: RunFolder
    manifest: Manifest
    suffix: str
    foreign: int | None

    @property
    def docs(self) -> int:
        """Documents in the file."""
        output = self.manifest.output(self.suffix)
        return output.docs or 0 if output else 0

    @property
    def first_key(self) -> int:
        """The smallest key that ``read`` can give; 0 where there are no documents."""
        if self.foreign is not None:
            return FOREIGN + self.foreign
        return int(self.manifest.facts["keys"][0]) if self.docs else 0

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns with ``key`` in front, a row group at a time.

        Foreign documents are made foreign, and left out where their own run dropped them.
        """
        output, first = self.manifest.output(self.suffix), FOREIGN + (self.foreign or 0)
        if output is None:
            return
        with pq.ParquetFile(self.folder.root / output.path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["key", *columns])
                # In the order of the file, whatever order was asked for.
                table = table.select(["key", *columns])
                if self.foreign is not None:
                    table, first = self._made_foreign(table, first), first + table.num_rows
                yield table

    def _made_foreign(self, table: pa.Table, first: int) -> pa.Table:
        keys = table["key"].to_numpy()
        new = np.arange(first, first + len(keys), dtype=np.uint64)
        made = table.set_column(0, "key", pa.array(new))
        if "rank" in table.column_names:
            best = pa.array(np.zeros(len(keys), np.uint64))
            made = made.set_column(table.column_names.index("rank"), "rank", best)
        return made.filter(pa.array(~self._dropped(keys)))

    def _dropped(self, keys: U64) -> Flags:
        stage = self.manifest.round.split(".")[0]
        drops = DropList(stage, f"{stage}.clusters", "")
        ends = (int(keys[0]), int(keys[-1])) if len(keys) else None
        rows = drops.rows(self.folder, ends)
        lost = rows["key"].to_numpy()[rows["key"].to_numpy() != rows["survivor"].to_numpy()]
        return np.isin(keys, lost)


@dataclass(frozen=True)
class Compared:
    """The files of one kind that a barrier compares: our shards', then those of earlier runs."""

    round: str
    suffix: str
    against: tuple[str, ...] = ()

    def files(self, folder: RunFolder) -> list[ShardFile]:
        """Return them in the order of their keys."""
        own = [ShardFile(folder, m, self.suffix, None) for m in folder.manifests(self.round)]
        if any(file.docs and file.manifest.facts["keys"][1] >= FOREIGN for file in own):
            raise ShardError(f"{self.round}: works with up to {FOREIGN >> KEY_BITS:,} inputs")
        foreign, count = [], 0
        for path in self.against:
            other = RunFolder(path, load_plan(path).run_id)
            for manifest in other.manifests(self.round):
                foreign.append(ShardFile(other, manifest, self.suffix, count))
                count += foreign[-1].docs
        return [*own, *foreign]


def original(out: Path | str, stage: str, survivor: int) -> tuple[Path, int]:
    """Return where a survivor of an earlier run stands: the folder of that run, and its key there.

    Args:
        out: folder of the run in which something was dropped because of it.
        stage: ``minhash_dedup``, ``exact_dedup`` or ``url_dedup``.
        survivor: its key in ``out``, 2⁶³ or more.

    Raises:
        ConfigError: no run, no such stage, or no such document in the runs that it names.
    """
    plan = load_plan(out)
    stages = {name: fields for entry in plan.recipe["stages"] for name, fields in entry.items()}
    part = "signatures" if stage == "minhash_dedup" else "hashes"
    against = tuple(stages.get(stage, {}).get("against", ()))
    compared = Compared(f"{stage}.{part}", f".{part}.parquet", against)
    for file in compared.files(RunFolder(out, plan.run_id)):
        place, output = survivor - file.first_key, file.manifest.output(file.suffix)
        if file.foreign is not None and output is not None and 0 <= place < file.docs:
            keys = pq.ParquetFile(file.folder.root / output.path).read(["key"])["key"]
            return file.folder.root, keys[place].as_py()
    raise ConfigError(f"{out}: {stage} was not compared with a document {survivor}")


def owners(files: Sequence[ShardFile], groups: Sequence[range], keys: U64) -> Index:
    """Return which group of files each document is in; groups as ``cut_evenly`` makes them."""
    # A group but the first begins with a file that has documents: cut_evenly sees to it.
    bounds = [files[group.start].first_key for group in groups[1:]]
    return np.searchsorted(np.array(bounds, np.uint64), keys, side="right").astype(np.int64)


def check_against(
    stage: str, version: int, paths: Sequence[str], same: Mapping[str, Any], rounds: Sequence[str]
) -> dict[str, str]:
    """Return the hashes of earlier runs for the plan's fingerprint.

    Args:
        stage: name of the stage in both recipes.
        version: of the stage; theirs must be the same.
        paths: folders of earlier runs.
        same: parameters that must be equal for their numbers to be comparable.
        rounds: what must be there, complete.

    Raises:
        ConfigError: no such run, it lacks the stage or a round, or was made with other parameters.
    """
    found = {}
    for number, path in enumerate(paths):
        try:
            found[f"against.{number}"] = _check_one(stage, version, paths, Path(path), same, rounds)
        except GristmillError as error:
            raise ConfigError(f"{stage}.against: {error}") from error
    return found


def _check_one(
    stage: str, version: int, paths: Sequence[str], path: Path, same: Mapping[str, Any],
    rounds: Sequence[str],
) -> str:  # fmt: skip
    plan = load_plan(path)
    theirs = {name: fields for entry in plan.recipe["stages"] for name, fields in entry.items()}
    if stage not in theirs:
        raise ConfigError(f"{path}: that run has no stage {stage}")
    if missing := [old for old in theirs[stage].get("against", []) if old not in paths]:
        raise ConfigError(
            f"{path}: was compared with {missing[0]} and left out what that has: name it here too"
        )
    then = plan.stage_versions.get(stage), plan.versions.get("unicode")
    if then != (version, unicodedata.unidata_version):
        raise ConfigError(
            f"{path}: made by version {then[0]} of {stage} with Unicode {then[1]}, this is "
            f"{version} with {unicodedata.unidata_version}: hashes differ, make it anew"
        )
    for name, value in same.items():
        if theirs[stage].get(name) != value:
            raise ConfigError(
                f"{path}: made with {name} {theirs[stage].get(name)!r}, and {value!r} is needed "
                "here to compare with it"
            )
    folder, digest = RunFolder(path, plan.run_id), hashlib.sha256()
    for name in rounds:
        folder.check_seal(name)
        digest.update(folder.seal_path(name).read_bytes())
        for output in [output for m in folder.manifests(name) for output in m.outputs]:
            file = path / output.path
            if not file.is_file() or file.stat().st_size != output.bytes:
                raise ConfigError(f"{file}: missing or damaged; run its recipe again")
    return digest.hexdigest()


def _absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return paths that mean the same from every working folder."""
    return tuple(os.path.abspath(path) for path in paths)


#: The field of stages that compare with earlier runs.
Against = Annotated[tuple[str, ...], AfterValidator(_absolute)]
