"""What a figure must be read with: which code, which machine. And that it is this code."""

import os
import platform
import subprocess
from pathlib import Path

import gristmill

ROOT = Path(__file__).resolve().parents[1]

if Path(gristmill.__file__).resolve().parents[1] != ROOT:
    raise SystemExit(
        f"gristmill is imported from {Path(gristmill.__file__).parent}, not from this checkout; "
        f"set PYTHONPATH={ROOT}"
    )


def machine() -> str:
    """Return one line about this machine and how busy it is."""
    with open("/proc/cpuinfo") as file:
        model = next((line for line in file if line.startswith("model name")), "model name: ?")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    name = model.split(":")[1].strip()
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; load {load}"


def commit() -> str:
    """Return the commit of this checkout, with ``-dirty`` where files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip() or "unknown"
