"""spaCy does not bring PyTorch along."""

import subprocess
import sys

_ASK = """
import sys
from gristmill.pipeline.text import words
print(words("It doesn't."), "torch" in sys.modules)
try:
    import torch
except ImportError as error:
    print(error.name, error.path)
else:
    print(torch.ones(2).sum().item())
"""


def ask(before: str) -> list[str]:
    found = subprocess.run(
        [sys.executable, "-c", before + _ASK], check=True, capture_output=True, text=True
    )
    return found.stdout.splitlines()


def test_words_come_without_torch_and_torch_still_works() -> None:
    told, torch = ask("")
    assert told == "('It', 'does', \"n't\", '.') False"
    assert torch in ("2.0", "torch None")  # there is none where the extra is not installed


def test_a_torch_that_is_there_stays() -> None:
    told, _ = ask("try:\n    import torch\nexcept ImportError:\n    pass\n")
    assert told.startswith("('It', 'does'")
