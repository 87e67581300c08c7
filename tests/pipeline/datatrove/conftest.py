"""Texts written for these tests, of which the filters keep some and drop some."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

WORDS = """
the and of to that with have the and of a in on by from into over under after before while
miller baker carter smith widow mayor priest cooper weaver tanner shepherd ferryman clerk
brought weighed ground carried counted paid mended opened closed turned lifted filled sold
rye barley oats wheat flour bran straw hay salt honey wool iron leather timber stone water
wheel sluice mill loft cart barge bridge market ledger kettle ladder window door chimney
early late slowly gladly twice again never always nearly seven twelve forty cold wet bright
spring summer autumn winter morning evening Sunday river meadow orchard village valley hill
""".split()  # noqa: SIM905 - a list literal would be a hundred lines


def tale(seed: int, lines: int = 9) -> str:
    """A text of different lines, long and varied enough to be kept."""
    draw = random.Random(seed)
    return "\n".join(" ".join(draw.choices(WORDS, k=11)).capitalize() + "." for _ in range(lines))


def texts() -> list[str]:
    """30 texts: tales, copies of them, and kinds of rubbish that each filter knows."""
    made = [tale(seed) for seed in range(12)]
    made += [tale(seed) for seed in (3, 4, 5)]  # copies
    made += ["Too short to be kept.", tale(57, 4)]
    made += [tale(seed) + "\nfunction() { return; }" for seed in range(40, 42)]
    made += ["\n".join(["Home", "Mill", "Bakery", "Fair"] * 40)]
    made += [tale(45) + " # rye # oats # hay # straw # bran" * 5]
    made += [tale(seed, 6).replace(".\n", "\n") for seed in range(50, 53)]
    made += [f"{tale(seed)}\n{tale(seed, 1)}" for seed in (55, 56)]  # one line twice
    made += [tale(seed) + "\nRead our privacy policy.\n***" for seed in range(60, 64)]
    return made


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four JSONL files with 30 documents in all."""
    folder = tmp_path_factory.mktemp("corpus")
    rows: list[dict[str, Any]] = [
        {"text": text, "id": f"d{i}", "url": f"https://mill.example/{i}"}
        for i, text in enumerate(texts())
    ]
    for k in range(4):
        body = "".join(json.dumps(row) + "\n" for row in rows[k::4])
        (folder / f"{k:02d}.jsonl").write_text(body)
    return folder
