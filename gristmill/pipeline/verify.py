"""Prove that a run folder holds what its manifests promise."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from gristmill.errors import ConfigError, CorruptError, GristmillError, IncompleteError
from gristmill.pipeline.durable import sync_and_hash
from gristmill.pipeline.manifest import Manifest, OutputFile
from gristmill.pipeline.plan import installed_versions, load_plan
from gristmill.pipeline.report import check_chain, make_report
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.shard import Draft, RunFolder

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a missing task, or bytes that are not the promised ones."""

    kind: Literal["incomplete", "corrupt"]
    message: str


def verify(
    folder: RunFolder,
    rounds: Sequence[Round],
    *,
    quick: bool = False,
    deep: int = 0,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Check a run.

    Args:
        folder: the run.
        rounds: its rounds, compiled from its plan.
        quick: sizes and laws only, no hashes.
        deep: recompute this many tasks and compare their bytes, chosen by hash of the run id.
        progress: called with the name of what is being checked.

    Returns:
        All findings; an empty list means that all is well.

    Raises:
        ConfigError: ``deep`` under other versions than the run was made with.
    """
    if deep:
        _need_same_versions(folder)
    findings: list[Finding] = []
    done: list[tuple[Round, int]] = []
    for round_ in rounds:
        try:
            tasks = round_.work.count(folder)
        except GristmillError as error:
            findings.append(_finding(error))
            break
        before = len(findings)
        for task in range(tasks):
            progress(f"{round_.name} {task}")
            found = _check_task(folder, round_, task, quick)
            findings += found
            if not found:
                done.append((round_, task))
        if len(findings) == before:
            findings += _check_seal(folder, round_, tasks)
    if not findings:
        try:
            check_chain(make_report(folder, rounds).stages)
        except CorruptError as error:
            findings.append(Finding("corrupt", str(error)))
        for round_, task in _chosen(folder, done, deep):
            progress(f"again: {round_.name} {task}")
            findings += _recompute(folder, round_, task)
    return findings


def _finding(error: GristmillError) -> Finding:
    return Finding("incomplete" if isinstance(error, IncompleteError) else "corrupt", str(error))


def _check_seal(folder: RunFolder, round_: Round, tasks: int) -> list[Finding]:
    try:
        folder.check_seal(round_.name)
        if len(folder.manifests(round_.name)) == tasks:
            return []
    except (GristmillError, OSError) as error:
        known = error if isinstance(error, GristmillError) else CorruptError(str(error))
        return [_finding(known)]
    return [Finding("corrupt", f"{round_.name}: sealed with another number of tasks than {tasks}")]


def _need_same_versions(folder: RunFolder) -> None:
    """Raise ConfigError where recomputing would compare two different programs."""
    then, now = load_plan(folder.root).versions, installed_versions()
    changed = [f"{n} {then.get(n)} then, {now.get(n)} now" for n in now if then.get(n) != now[n]]
    if changed:
        raise ConfigError(
            f"{folder.root}: made with other versions ({changed[0]}); install those to use --deep"
        )


def _check_task(folder: RunFolder, round_: Round, task: int, quick: bool) -> list[Finding]:
    where = folder.manifest_path(round_.name, task)
    try:
        manifest = folder.manifest(round_.name, task)
        if manifest is None:
            return [Finding("incomplete", f"{where}: missing; run the recipe again")]
        for stage in manifest.stages:
            stage.check(str(where))
    except GristmillError as error:
        return [Finding("corrupt", str(error))]
    return check_files(folder, manifest, quick)


def check_files(folder: RunFolder, manifest: Manifest, quick: bool) -> list[Finding]:
    """Compare a task's files with its manifest: there, as long, and unless quick the same bytes."""
    found = (_check_file(folder, manifest, output, quick) for output in manifest.outputs)
    return [finding for finding in found if finding]


def _check_file(
    folder: RunFolder, manifest: Manifest, output: OutputFile, quick: bool
) -> Finding | None:
    path = folder.root / output.path
    remedy = f"delete {folder.manifest_path(manifest.round, manifest.task)} and run again"
    if not path.is_file():
        return Finding("corrupt", f"{path}: missing; {remedy}")
    if path.stat().st_size != output.bytes:
        return Finding(
            "corrupt", f"{path}: {path.stat().st_size} bytes, promised {output.bytes}; {remedy}"
        )
    if not quick and sync_and_hash(path)[1] != output.sha256:
        return Finding("corrupt", f"{path}: SHA-256 differs from its manifest; {remedy}")
    return None


def _chosen(folder: RunFolder, done: list[tuple[Round, int]], deep: int) -> list[tuple[Round, int]]:
    def rank(item: tuple[Round, int]) -> bytes:
        return hashlib.sha256(f"{folder.run_id} {item[0].name} {item[1]}".encode()).digest()

    return sorted(done, key=rank)[:deep]


def _recompute(folder: RunFolder, round_: Round, task: int) -> list[Finding]:
    """Do a task again, without publishing, and compare."""
    draft = Draft(folder, round_.name, task)
    try:
        round_.work(draft, lambda _: None)
        again, promised = draft.manifest(), folder.manifest(round_.name, task)
    except GristmillError as error:
        return [Finding("corrupt", f"{round_.name} task {task}: cannot be recomputed: {error}")]
    finally:
        draft.discard()
    if promised is not None and again.verdicts != promised.verdicts:
        return []  # a CPU or memory limit judged otherwise this time: allowed, and recorded
    if promised is None or again.outputs != promised.outputs:
        return [Finding("corrupt", f"{round_.name} task {task}: recomputed bytes differ")]
    return []
