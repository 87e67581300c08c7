"""What a run says: one line a step for people, the same as JSON lines for programs."""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def line(record: Mapping[str, Any], steps: int) -> str:
    """Return the log line of a record; parts that it lacks are left out.

    >>> line({"step": 7, "loss": 4.10321, "lr": 0.02, "norm": 0.41, "tokens_per_second": 48970,
    ...       "mfu": None, "gib": 0.4, "eta_seconds": 180}, 20)
    'step 7/20 | loss 4.1032 | lr 2.0e-02 | norm 0.41 | 48,970 tok/s | mfu n/a | 0.4 GiB | eta 3m'
    """
    mfu = record.get("mfu")
    parts = [f"step {record['step']}/{steps}", f"loss {record['loss']:.4f}"]
    if record.get("val") is not None:
        parts.append(f"val {record['val']:.4f}")
    if record.get("bpb") is not None:
        parts.append(f"bpb {record['bpb']:.3f}")
    parts += [
        f"lr {record['lr']:.1e}",
        f"norm {record['norm']:.2f}",
        f"{record['tokens_per_second']:,.0f} tok/s",
        "mfu n/a" if mfu is None else f"mfu {100 * mfu:.1f}%",
        f"{record['gib']:.1f} GiB",
        f"eta {_duration(record['eta_seconds'])}",
    ]
    return " | ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{math.ceil(seconds)}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


class RunLog:
    """Prints lines and appends records to ``train.jsonl``.

    Args:
        path: the JSONL file; None = only print.
        after: step the run goes on from; later records of an interrupted run are removed, so that
            a resumed run's log has each step once.
        steps: of the whole run.
        log: prints a line.
    """

    def __init__(
        self, path: Path | None, *, after: int, steps: int, log: Callable[[str], None]
    ) -> None:
        self._path, self._steps, self.say = path, steps, log
        if path is None:
            return
        kept = [text for text in _lines(path) if _step(text) is not None]
        kept = [text for text in kept if (_step(text) or 0) <= after] if after else []
        write_atomically(path, "".join(text + "\n" for text in kept))

    def record(self, record: Mapping[str, Any]) -> None:
        """Print a record as a line and append it."""
        self.say(line(record, self._steps))
        self._append(record)

    def sample(self, step: int, text: str) -> None:
        """Print what the model says and append it."""
        self.say(f"sample at step {step}: {text!r}")
        self._append({"step": step, "sample": text})

    def _append(self, record: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that readers see the old one or the new one."""
    temp = path.with_name(f".{path.name}.tmp")
    with temp.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _step(text: str) -> int | None:
    try:
        return int(json.loads(text)["step"])
    except (ValueError, KeyError, TypeError):
        return None  # a line cut by a kill
