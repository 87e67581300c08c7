"""The peer's own environment: datatrove with the trafilatura 1.11 that its extra pins.

Nothing of it is ever imported here; it is only started as another Python. ``peer-requirements.txt``
names every package and version.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "peer-requirements.txt"
DEFAULT = Path.home() / ".cache" / "gristmill" / "bench-peer"
_PINNED = {"datatrove": "0.10.1", "trafilatura": "1.11.0"}
_ASK = """
import importlib.metadata as m, json, sys
print(json.dumps({d.metadata["Name"]: d.version for d in m.distributions()}))
"""


def peer_python(folder: Path) -> tuple[Path, dict[str, str]]:
    """Return the Python of the peer's environment and its versions; make it where it is missing.

    Raises:
        SystemExit: it cannot be made, or is not what the comparison is about.
    """
    python = folder.absolute() / "bin" / "python"
    if not python.exists():
        print(f"making the peer's environment in {folder} (2 minutes, 1 GB)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS)]
        if subprocess.run(install).returncode:
            raise SystemExit(f"pip failed; mend that, delete {folder} and run again")
    asked = subprocess.run([str(python), "-c", _ASK], check=True, capture_output=True)
    versions: dict[str, str] = json.loads(asked.stdout)
    for name, wanted in _PINNED.items():
        if versions.get(name) != wanted:
            raise SystemExit(f"{folder} has {name} {versions.get(name)}, not {wanted}")
    if "fasttext-predict" in versions:
        raise SystemExit(
            f"{folder} has fasttext-predict, which overwrites the fasttext that datatrove's "
            "language filter needs; name another folder with --peer-venv and it will be made"
        )
    return python, versions
