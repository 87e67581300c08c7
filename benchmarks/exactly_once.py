"""Prove that output bytes do not depend on workers, kills or resumption.

Runs one recipe with 1, 2 and 4 workers, once with a worker killed by SIGKILL in the middle, and
once with the driver killed by SIGKILL in the middle and started again; then compares the SHA-256
of every published file, manifests included.

    python benchmarks/exactly_once.py --recipe fineweb --input '../shared/data/warc/*.warc.gz'
"""

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipe", default="fineweb")
    parser.add_argument("--input", required=True)
    parser.add_argument("--kill-after", type=int, default=2, help="manifests before the kill")
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-once-") as temp:
        root = Path(temp)
        command = [sys.executable, "-m", "gristmill", "run", args.recipe, "--input", args.input]
        command += [word for setting in args.set for word in ("--set", setting)]
        found = {}
        for workers in (1, 2, 4):
            name = f"{workers} workers"
            seconds = undisturbed(command, root / name, workers)
            found[name] = hashes(root / name)
            print(f"{name}: {len(found[name])} files, {seconds:.0f} s", flush=True)
        for name, kill in (("worker killed", kill_worker), ("driver killed", kill_driver)):
            told = kill(command, root / name, args.kill_after)
            found[name] = hashes(root / name)
            print(f"{name}: {len(found[name])} files; {told}", flush=True)
    reference = found["1 workers"]
    different = {
        name: sorted(k for k in reference.keys() | other.keys() if reference.get(k) != other.get(k))
        for name, other in found.items()
    }
    same = not any(different.values())
    print(json.dumps({"identical": same, "files": len(reference), "different": different}))
    return 0 if same else 1


def undisturbed(command: list[str], out: Path, workers: int) -> float:
    begun = time.monotonic()
    call = [*command, "--out", str(out), "--workers", str(workers)]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def start(command: list[str], out: Path) -> subprocess.Popen[bytes]:
    call = [*command, "--out", str(out), "--workers", "2"]
    return subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_manifests(out: Path, number: int, driver: subprocess.Popen[bytes]) -> None:
    while len(list(out.glob("curate/*.manifest.json"))) < number:
        if driver.poll() is not None:
            raise SystemExit(f"{out}: the run ended before it could be killed")
        time.sleep(0.05)


def kill_worker(command: list[str], out: Path, after: int) -> str:
    driver = start(command, out)
    wait_for_manifests(out, after, driver)
    workers = [c for c in psutil.Process(driver.pid).children() if c.cpu_times().user > 1]
    victim = max(workers, key=lambda child: child.cpu_times().user)
    orphans = victim.children(recursive=True)
    victim.send_signal(signal.SIGKILL)
    time.sleep(1)
    left = alive(orphans)
    code = driver.wait()
    return f"exit {code}, {len(orphans)} children of the worker, {len(left)} left alive"


def kill_driver(command: list[str], out: Path, after: int) -> str:
    driver = start(command, out)
    wait_for_manifests(out, after, driver)
    family = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = len(list(out.glob("*/*.manifest.json")))
    psutil.wait_procs(family, timeout=20)
    left = alive(family)
    begun = time.monotonic()
    again = [*command, "--out", str(out), "--workers", "2"]
    code = subprocess.run(again, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    return (
        f"{before} manifests when killed, {len(left)} of {len(family)} processes left after 20 s, "
        f"resumed with exit {code} in {time.monotonic() - begun:.0f} s"
    )


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    # Killed grandchildren of ours stay as zombies where process 1 does not reap.
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def hashes(out: Path) -> dict[str, str]:
    files = [p for p in sorted(out.rglob("*")) if p.is_file()]
    return {
        str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if p.relative_to(out).parts[0] not in ("log", ".tmp", ".driver.lock", ".publish.lock")
    }


if __name__ == "__main__":
    sys.exit(main())
