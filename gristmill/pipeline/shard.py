"""The publish protocol: temp, fsync, rename, manifest last.

A run folder looks like this::

    plan.json                      what this run is (see ``plan.py``)
    <stage>/<files>                published data
    <stage>/00003.manifest.json    the commit of task 3: without it, its files do not exist
    <stage>/round.json             all tasks of the round have committed
    log/<round>/00003.json         CPU seconds, host: not part of the result, never compared
    .tmp/                          work in progress; emptied when a driver starts

A stage of several rounds keeps them apart by the part of their name: task 3 of ``dedup.bands``
commits as ``dedup/bands-00003.manifest.json``.

A task writes into a ``Draft``. Publishing checks conservation, makes every byte durable, renames
the files into place and creates the manifest last, under a lock that dies with its process. The
first manifest wins: a second attempt must bring the same bytes or is refused.
"""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError, CorruptError, IncompleteError, ShardError
from gristmill.pipeline.durable import TEMP_GLOB, locked, sync_and_hash, sync_folder, write_durably
from gristmill.pipeline.manifest import Manifest, OutputFile, StageCount, canonical_json


class Draft:
    """The files and counts of one task before it is published."""

    def __init__(self, folder: "RunFolder", round_name: str, task: int) -> None:
        self.folder, self.round, self.task = folder, round_name, task
        self.temp = folder.root / ".tmp" / f"{round_name}-{task:05d}-{uuid.uuid4().hex}"
        self.temp.mkdir(parents=True)
        self._outputs: dict[str, tuple[int | None, int | None]] = {}
        self.inputs: list[dict[str, Any]] = []
        self.stages: list[StageCount] = []
        self.flags: dict[str, int] = {}
        self.verdicts: list[tuple[int, str]] = []
        self.figures: dict[str, int] = {}
        self.facts: dict[str, Any] = {}
        self.cpu: dict[str, float] = {}  # seconds by stage; goes to the side log only

    def path(self, name: str, docs: int | None = None, tokens: int | None = None) -> Path:
        """Register an output file of this task and return where to write it now."""
        if "/" in name or name.startswith(".") or name.endswith((".manifest.json", "round.json")):
            raise ValueError(f"not a plain output name: {name!r}")
        self._outputs[name] = (docs, tokens)
        return self.temp / name

    def numbered(self, suffix: str, docs: int | None = None, tokens: int | None = None) -> Path:
        """Like ``path``, with the task number in front: ``00003.kept.parquet``."""
        return self.path(f"{_prefix(self.round)}{self.task:05d}.{suffix}", docs, tokens)

    def manifest(self) -> Manifest:
        """Check the laws, make the files durable, and return the manifest to be committed."""
        where = f"{self.round} task {self.task}"
        for stage in self.stages:
            stage.check(where)
        for before, after in pairwise(self.stages):
            if before.docs_out != after.docs_in:
                raise ShardError(
                    f"{where}: {before.name} let {before.docs_out} documents out, "
                    f"{after.name} got {after.docs_in}; please report this bug"
                )
        outputs = []
        for name, (docs, tokens) in sorted(self._outputs.items()):
            size, digest = sync_and_hash(self.temp / name)
            path = f"{_stage(self.round)}/{name}"
            outputs.append(
                OutputFile(path=path, bytes=size, sha256=digest, docs=docs, tokens=tokens)
            )
        return Manifest(
            run_id=self.folder.run_id,
            round=self.round,
            task=self.task,
            inputs=tuple(self.inputs),
            outputs=tuple(outputs),
            stages=tuple(self.stages),
            flags=self.flags,
            verdicts=tuple(sorted(self.verdicts)),
            figures=self.figures,
            facts=self.facts,
        )

    def discard(self) -> None:
        """Remove the temporary files."""
        shutil.rmtree(self.temp, ignore_errors=True)


class RunFolder:
    """One output directory: reads manifests, publishes drafts."""

    def __init__(self, root: Path | str, run_id: str) -> None:
        self.root, self.run_id = Path(root), run_id

    def manifest_path(self, round_name: str, task: int) -> Path:
        """Where the commit of a task stands, or would stand."""
        return self.root / _stage(round_name) / f"{_prefix(round_name)}{task:05d}.manifest.json"

    def file(self, round_name: str, task: int, suffix: str) -> Path:
        """Where a numbered output of a task stands."""
        return self.root / _stage(round_name) / f"{_prefix(round_name)}{task:05d}.{suffix}"

    def sealed(self, round_name: str) -> bool:
        """Tell whether a round is complete."""
        return self.seal_path(round_name).exists()

    def seal_path(self, round_name: str) -> Path:
        """Where the seal of a round stands, or would stand."""
        return self.root / _stage(round_name) / f"{_prefix(round_name)}round.json"

    def manifest(self, round_name: str, task: int) -> Manifest | None:
        """Return the commit of a task, or None if it has none.

        Raises:
            CorruptError: the manifest is unreadable.
            ConfigError: it belongs to another run.
        """
        path = self.manifest_path(round_name, task)
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise CorruptError(f"{path}: unreadable manifest; delete it and run again") from error
        if manifest.run_id != self.run_id:
            raise ConfigError(f"{path}: made by another run; choose another --out")
        return manifest

    def manifests(self, round_name: str) -> list[Manifest]:
        """Return all commits of a finished round, in task order.

        Raises:
            IncompleteError: the round has no sealed total, or a manifest is missing.
        """
        if not self.sealed(round_name):
            raise IncompleteError(f"{self.root}: {round_name} is not finished; run again")
        found = [self.manifest(round_name, k) for k in range(self._read_seal(round_name)["tasks"])]
        missing = [task for task, manifest in enumerate(found) if manifest is None]
        if missing:
            raise IncompleteError(f"{self.root}: {round_name} has no manifest for {missing[:10]}")
        return [m for m in found if m is not None]

    def outputs(self, round_name: str, suffix: str) -> list[Path]:
        """Return the published files of a round that end so, in task order."""
        return [
            self.root / output.path
            for manifest in self.manifests(round_name)
            for output in manifest.outputs
            if output.path.endswith(suffix)
        ]

    def seal(self, round_name: str, tasks: int) -> None:
        """Record that a round has all its manifests (their hashes and number)."""
        body = {
            "run_id": self.run_id,
            "tasks": tasks,
            "manifests_sha256": self._manifests_hash(round_name, tasks),
        }
        self.seal_path(round_name).parent.mkdir(exist_ok=True)
        write_durably(self.seal_path(round_name), canonical_json(body))

    def check_seal(self, round_name: str) -> None:
        """Compare the seal of a round with its manifests, which must all be there.

        Raises:
            IncompleteError: there is no seal.
            CorruptError: the manifests are not those that were sealed.
        """
        path = self.seal_path(round_name)
        if not path.exists():
            raise IncompleteError(f"{path}: missing; run the recipe again")
        seal = self._read_seal(round_name)
        if seal["manifests_sha256"] != self._manifests_hash(round_name, seal["tasks"]):
            raise CorruptError(
                f"{path}: the manifests beside it changed after the round was finished; "
                "start again under another --out"
            )

    def _manifests_hash(self, round_name: str, tasks: int) -> str:
        digest = hashlib.sha256()
        for task in range(tasks):
            digest.update(self.manifest_path(round_name, task).read_bytes())
        return digest.hexdigest()

    def _read_seal(self, round_name: str) -> dict[str, Any]:
        path = self.seal_path(round_name)
        try:
            body = json.loads(path.read_bytes())
            tasks, have = body["tasks"], len(list(path.parent.glob(f"{_prefix(round_name)}*.json")))
            if not isinstance(tasks, int) or not 0 <= tasks <= max(have, 1):
                raise ValueError(tasks)
            return {"tasks": tasks, "manifests_sha256": str(body["manifests_sha256"])}
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{path}: unreadable; delete it and run again") from error

    def publish(self, draft: Draft) -> Manifest:
        """Commit a draft. Returns the manifest that counts, which may be an earlier equal one.

        Raises:
            ShardError: conservation is broken, or an earlier attempt published other bytes.
        """
        manifest = draft.manifest()
        target = self.root / _stage(draft.round)
        target.mkdir(parents=True, exist_ok=True)
        with locked(self.root / ".publish.lock"):
            earlier = self.manifest(draft.round, draft.task)
            if earlier is None:
                for output in manifest.outputs:
                    os.replace(draft.temp / Path(output.path).name, self.root / output.path)
                sync_folder(target)
                write_durably(self.manifest_path(draft.round, draft.task), manifest.to_json())
                earlier = manifest
        draft.discard()
        if earlier.outputs != manifest.outputs and earlier.verdicts == manifest.verdicts:
            raise ShardError(
                f"{draft.round} task {draft.task}: two attempts gave different bytes; "
                "a library or stage here is not deterministic. The first result stands"
            )
        return earlier

    def log(self, round_name: str, task: int, record: dict[str, Any]) -> None:
        """Write the side record of a task: times and hosts, kept apart from the result."""
        path = self.root / "log" / round_name / f"{task:05d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, canonical_json(record))

    def log_traceback(self, round_name: str, task: int, text: str) -> Path:
        """Write down why a task failed unexpectedly; return where."""
        path = self.root / "log" / round_name / f"{task:05d}.traceback.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def logs(self) -> Iterator[dict[str, Any]]:
        """Yield all side records that can be read; they are no part of the result."""
        for path in sorted((self.root / "log").glob("*/*.json")):
            with suppress(ValueError, OSError):
                yield json.loads(path.read_bytes())

    def clear_temp(self) -> None:
        """Remove what dead attempts left behind."""
        shutil.rmtree(self.root / ".tmp", ignore_errors=True)
        for pattern in (TEMP_GLOB, f"*/{TEMP_GLOB}", f"log/*/{TEMP_GLOB}"):
            for path in self.root.glob(pattern):
                path.unlink(missing_ok=True)

    def complete(self, round_name: str) -> bool:
        """Tell whether a round is sealed and all its manifests are still there."""
        if not self.sealed(round_name):
            return False
        tasks = range(self._read_seal(round_name)["tasks"])
        return all(self.manifest_path(round_name, task).exists() for task in tasks)

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the folder for one driver; a second one is told who has it.

        Raises:
            ConfigError: another process holds it.
        """
        path = self.root / ".driver.lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise ConfigError(
                    f"{self.root}: another run is writing here ({holder}); wait for it or stop it"
                ) from None
            file.truncate(0)
            file.write(f"pid {os.getpid()} on {os.uname().nodename}")
            file.flush()
            yield


def _stage(round_name: str) -> str:
    return round_name.split(".", 1)[0]


def _prefix(round_name: str) -> str:
    _, dot, part = round_name.partition(".")
    return f"{part}-" if dot else ""
