import builtins
import hashlib
import json
import os
import pickle

import pytest
import torch

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.model import GPT


def _save(folder, micro, shards, step=3, keep=9):
    state = {
        "step": step, "position": 24, "manifest_sha256": "x", "vocab_size": 257, "eot": 0,
        "optimizers": [], "rng": checkpoint.rng_state(),
    }  # fmt: skip
    tokenizer = ShardSet(shards).tokenizer_path
    model = GPT(micro, 257, 0)
    path = checkpoint.save(
        folder, model=model, config=micro, state=state, tokenizer=tokenizer, keep=keep
    )
    return path, model


def _rewrite_done(path):
    """Make DONE agree with the files, as an attacker would."""
    files = {
        p.name: {"bytes": p.stat().st_size, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()}
        for p in path.iterdir()
        if p.name != "DONE"
    }
    (path / "DONE").write_text(json.dumps({"schema": checkpoint.SCHEMA, "files": files}))


def test_round_trip(tmp_path, micro, shards):
    path, model = _save(tmp_path, micro, shards)
    back = checkpoint.load(tmp_path)
    assert back.path == path
    assert back.config == micro
    assert back.step == 3
    assert back.vocabulary().decode([0, 1 + ord("h")]) == "<|endoftext|>h"
    loaded = back.model().state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in model.state_dict().items())


def test_without_safetensors(tmp_path, micro, shards, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    path, model = _save(tmp_path, micro, shards)
    assert (path / "model.pt").is_file()
    loaded = checkpoint.load(path).weights
    assert all(torch.equal(loaded[name], weight) for name, weight in model.state_dict().items())


def test_keeps_the_newest(tmp_path, micro, shards):
    for step in (1, 2, 10, 3):
        _save(tmp_path, micro, shards, step=step, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_00000003", "step_00000010"]
    assert checkpoint.latest(tmp_path).name == "step_00000010"


def test_unfinished_does_not_exist(tmp_path, micro, shards):
    path, _ = _save(tmp_path, micro, shards)
    (path / "DONE").unlink()
    assert checkpoint.latest(tmp_path) is None
    with pytest.raises(ConfigError, match="no finished checkpoint"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "state.pt", "config.json"])
def test_truncated(tmp_path, micro, shards, name):
    path, _ = _save(tmp_path, micro, shards)
    os.truncate(path / name, (path / name).stat().st_size - 7)
    with pytest.raises(CorruptError, match=f"{name}.*truncated"):
        checkpoint.load(path)


def test_truncated_behind_a_forged_marker(tmp_path, micro, shards):
    for name in ("state.pt", "model.safetensors"):
        path, _ = _save(tmp_path, micro, shards)
        os.truncate(path / name, (path / name).stat().st_size // 2)
        _rewrite_done(path)
        with pytest.raises(CorruptError, match=name):
            checkpoint.load(path)


def test_one_flipped_bit(tmp_path, micro, shards):
    path, _ = _save(tmp_path, micro, shards)
    raw = bytearray((path / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (path / "model.safetensors").write_bytes(raw)
    with pytest.raises(CorruptError, match="SHA-256"):
        checkpoint.load(path)


class _Payload:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize("writer", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))])
def test_pickle_payload_is_refused_and_not_run(tmp_path, micro, shards, writer):
    path, _ = _save(tmp_path / "c", micro, shards)
    writer({"step": _Payload(tmp_path / "pwned")}, path / "state.pt")
    _rewrite_done(path)
    with pytest.raises(CorruptError, match="refused"):
        checkpoint.load(path)
    assert not (tmp_path / "pwned").exists()


def test_weights_of_another_shape(tmp_path, micro, shards):
    path, _ = _save(tmp_path, micro, shards)
    (path / "config.json").write_text(micro.with_overrides({"layers": "3"}).to_json())
    _rewrite_done(path)
    with pytest.raises(CorruptError, match=r"do not fit config\.json"):
        checkpoint.load(path).model()
