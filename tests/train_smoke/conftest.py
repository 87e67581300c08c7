"""A small corpus of our own: sentences of a Markov chain over a few words, one token a byte."""

import hashlib
import json
import random
from pathlib import Path

import pytest
import torch

from gristmill.tokenize.formats import llmc
from gristmill.tokenize.formats.vocab import Vocabulary
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.model import GPT

WORDS = ["the", "mill", "grinds", "corn", "and", "a", "stone", "turns", "while", "water", "falls"]


def byte_tokenizer() -> dict:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    chars, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            chars[byte] = chr(byte)
        else:
            chars[byte] = chr(256 + extra)
            extra += 1
    vocab = {"<|endoftext|>": 0} | {chars[byte]: byte + 1 for byte in range(256)}
    special = {"id": 0, "content": "<|endoftext|>", "special": True}
    return {"model": {"type": "BPE", "vocab": vocab, "merges": []}, "added_tokens": [special]}


def text(seed: int, words: int) -> str:
    draw = random.Random(seed)
    at, out = 0, []
    for _ in range(words):
        out.append(WORDS[at])
        at = (at + draw.choice((1, 1, 1, 2))) % len(WORDS)
    return " ".join(out) + "."


def write_shards(folder: Path, train: list[str], val: list[str], *, split_at: int = 0) -> Path:
    """Write shards as the tokenizer stage does; ``split_at`` train documents to a second file."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(json.dumps(byte_tokenizer()), encoding="utf-8")
    files = [("train", train[split_at:]), ("val", val)]
    if split_at:
        files.insert(1, ("train", train[:split_at]))
    shards, splits, numbers = [], {}, {"train": 0, "val": 0}
    for split, docs in files:
        path = folder / f"mill_{split}_{numbers[split]:06d}.bin"
        numbers[split] += 1
        ids = [t for doc in docs for t in (0, *(byte + 1 for byte in doc.encode()))]
        with llmc.writer(path) as out:
            out.write(ids, [1 + len(doc.encode()) for doc in docs])
        counts = {
            "tokens": len(ids),
            "docs": len(docs),
            "bytes": sum(len(doc.encode()) for doc in docs),
        }
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        shards.append({"path": path.name, "split": split, **counts, "sha256": digest})
        total = splits.setdefault(split, dict.fromkeys(counts, 0))
        for key, value in counts.items():
            total[key] += value
    manifest = {
        "schema": 1,
        "format": "llmc",
        "dtype": "uint16",
        "vocab_size": 257,
        "eot": 0,
        "eot_place": "before",
        "tokenizer": "tokenizer.json",
        "tokenizer_sha256": hashlib.sha256(tokenizer.read_bytes()).hexdigest(),
        "splits": splits,
        "shards": shards,
    }
    (folder / "shards.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def make_shards():
    return write_shards


@pytest.fixture(scope="session")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "shards"
    train = [text(seed, 40) for seed in range(60)]
    return write_shards(folder, train, [text(1000 + seed, 40) for seed in range(6)], split_at=20)


@pytest.fixture(scope="session")
def micro() -> TrainConfig:
    return TrainConfig(
        layers=2, width=32, heads=2, context=32, batch_tokens=256, steps=20,
        log_every=5, eval_every=10, eval_windows=4, eval_documents=2, sample_tokens=8,
        save_every=10, device="cpu",
    )  # fmt: skip


def write_drawn(out: Path, **settings) -> Path:
    """Write a checkpoint whose every weight is drawn, so that no part can hide as zero."""
    shape = {"layers": 2, "width": 32, "heads": 4, "context": 16, "batch_tokens": 16}
    config = TrainConfig(**shape | settings)
    model = GPT(config, 257, 0)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=draw)
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.json").write_text(json.dumps(byte_tokenizer()), encoding="utf-8")
    state = {
        "step": 7, "position": 0, "manifest_sha256": "abc", "vocab_size": 257, "eot": 0,
        "optimizers": [], "rng": checkpoint.rng_state(), "seconds": 0.0, "loss": 1.0,
    }  # fmt: skip
    return checkpoint.save(
        out / "checkpoints", model=model, config=config, state=state,
        tokenizer=out / "tokenizer.json", keep=1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def drawn_checkpoint():
    return write_drawn


@pytest.fixture
def model(micro):
    """A network whose weights are all drawn: zeros hide mistakes."""
    model = GPT(micro, 257, 0)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.3)
    return model.eval()


@pytest.fixture
def vocabulary():
    """One token a byte, and end-of-text."""
    return Vocabulary((b"<|endoftext|>", *(bytes([n]) for n in range(256))), frozenset({0}))


@pytest.fixture
def transformers():
    return pytest.importorskip(
        "transformers", reason="LOUD SKIP: equal logits are not proven without transformers"
    )
