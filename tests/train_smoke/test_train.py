import dataclasses
import json
import os
import shutil
import signal

import pytest
import torch

from gristmill.errors import ConfigError, CorruptError, GristmillError
from gristmill.train_smoke import checkpoint, evals, outliers
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.train import train


def _quiet(line):
    pass


def _same(one, two):
    a, b = checkpoint.load(one), checkpoint.load(two)
    assert a.step == b.step
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    for mine, theirs in zip(a.state["optimizers"], b.state["optimizers"], strict=True):
        for key, state in mine["state"].items():
            for name, value in state.items():
                assert torch.equal(
                    torch.as_tensor(value), torch.as_tensor(theirs["state"][key][name])
                )


@pytest.fixture(scope="module")
def straight(tmp_path_factory, micro, shards):
    out = tmp_path_factory.mktemp("straight")
    return out, train(micro, shards, out, log=_quiet)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adamw", "variant": "gpt2"},
        {"variant": "llama", "kv_heads": 1, "packing": "docs", "document_mask": True},
        {"skip_zscore": 1e-6, "micro_batch": 4},  # skips whatever lies above the mean
    ],
)
def test_resume_is_bit_exact(tmp_path, micro, shards, settings, monkeypatch):
    monkeypatch.setattr(outliers, "WINDOW", 4)
    config = dataclasses.replace(micro, **settings)
    first = train(config, shards, tmp_path / "a", log=_quiet)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "b/checkpoints/step_00000020")
    said = []
    again = train(config, shards, tmp_path / "b", log=said.append)
    assert "resumed after step 10" in said
    _same(tmp_path / "a", tmp_path / "b")
    assert (again.loss, again.val, again.bpb) == (first.loss, first.val, first.bpb)
    assert again.skipped_steps == first.skipped_steps
    assert bool(first.skipped_steps) == ("skip_zscore" in settings)
    steps = [json.loads(x)["step"] for x in (tmp_path / "b/train.jsonl").read_text().splitlines()]
    assert steps == [1, 5, 10, 15, 20]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_interrupted_and_resumed_is_bit_exact(tmp_path, micro, shards, straight, number, error):
    def interrupt(line):
        if line.startswith("step 5/"):
            os.kill(os.getpid(), number)

    with pytest.raises(error):
        train(micro, shards, tmp_path, log=interrupt)
    assert checkpoint.load(tmp_path).step == 5
    train(micro, shards, tmp_path, log=_quiet)
    _same(straight[0], tmp_path)


def test_learns_structure(tmp_path, micro, shards):
    result = train(
        dataclasses.replace(micro, steps=120, batch_tokens=512), shards, tmp_path, log=_quiet
    )
    assert result.unigram < result.uniform
    assert result.val < result.unigram - 0.8
    assert 0 < result.bpb < 3
    assert result.tokens == 120 * 512
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["val"] == result.val
    loaded = checkpoint.load(tmp_path)
    from gristmill.tokenize.formats.shard_set import ShardSet

    assert evals.bits_per_byte(loaded.model(), ShardSet(shards)).bits_per_byte == result.bpb


def test_accumulation_changes_rounding_only(tmp_path, micro, shards, straight):
    small = dataclasses.replace(micro, micro_batch=2)
    result = train(small, shards, tmp_path, log=_quiet)
    assert result.val == pytest.approx(straight[1].val, abs=0.02)


def test_resume_never_refuses(micro, shards, straight):
    with pytest.raises(ConfigError, match="already has step_00000020"):
        train(micro, shards, straight[0], resume="never", log=_quiet)


def test_other_settings_or_shards_are_refused(micro, shards, straight, make_shards, tmp_path):
    with pytest.raises(ConfigError, match=r"has steps=20, you ask for 30"):
        train(dataclasses.replace(micro, steps=30), shards, straight[0], log=_quiet)
    other = make_shards(tmp_path / "s", ["other text " * 40], ["something else " * 9])
    with pytest.raises(ConfigError, match="other shards"):
        train(micro, other, straight[0], log=_quiet)
    shown = dataclasses.replace(micro, log_every=7, eval_windows=2)
    assert train(shown, shards, straight[0], log=_quiet).val == straight[1].val


def test_not_a_number_stops_and_keeps_the_checkpoint(tmp_path, micro, shards, monkeypatch):
    real, calls = GPT.forward, []

    def poisoned(self, ids, targets=None):
        out = real(self, ids, targets)
        calls.append(self.training)
        return out * float("nan") if calls.count(True) == 13 and self.training else out

    monkeypatch.setattr(GPT, "forward", poisoned)
    with pytest.raises(GristmillError, match=r"nan.* at step 13;.*step_00000010 is intact"):
        train(micro, shards, tmp_path, log=_quiet)
    assert checkpoint.load(tmp_path).step == 10


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_out_of_memory_says_what_to_lower(tmp_path, micro, shards, monkeypatch, error):
    real, calls = GPT.forward, []

    def greedy(self, ids, targets=None):
        calls.append(self.training)
        if calls.count(True) == 13 and self.training:
            raise error
        return real(self, ids, targets)

    monkeypatch.setattr(GPT, "forward", greedy)
    says = r"out of memory at step 13; lower micro_batch \(now 8 windows\).*step_00000010 is intact"
    with pytest.raises(GristmillError, match=says):
        train(micro, shards, tmp_path, log=_quiet)
    assert checkpoint.load(tmp_path).step == 10


def test_skipped_steps_are_said_and_leave_the_weights_alone(tmp_path, micro, shards, monkeypatch):
    monkeypatch.setattr(outliers, "WINDOW", 2)
    said = []
    config = dataclasses.replace(micro, steps=8, save_every=1, keep=8, skip_zscore=1e-6)
    result = train(config, shards, tmp_path, log=said.append)
    skipped = [int(line.split()[1][:-1]) for line in said if "skipped" in line]
    assert result.skipped_steps == len(skipped) > 0
    for step in range(2, 9):
        before, after = (
            checkpoint.load(tmp_path / f"checkpoints/step_{n:08d}") for n in (step - 1, step)
        )
        same = all(torch.equal(before.weights[n], after.weights[n]) for n in before.weights)
        assert same == (step in skipped)


def test_damaged_shards_are_found_before_training(tmp_path, micro, shards):
    bad = tmp_path / "shards"
    shutil.copytree(shards, bad)
    file = bad / "mill_train_000000.bin"
    raw = bytearray(file.read_bytes())
    for wrong in (999, 3):  # outside the vocabulary, and one that only the hash tells
        raw[1024 + 20 : 1024 + 22] = wrong.to_bytes(2, "little")
        file.write_bytes(raw)
        with pytest.raises(CorruptError, match="SHA-256 differs"):
            train(micro, bad, tmp_path / "out", log=_quiet)
    assert not (tmp_path / "out").exists()


def test_tiny_corpora_are_explained(tmp_path, micro, make_shards):
    few = make_shards(tmp_path / "few", ["a few words"], ["and a few more words, which are enough"])
    with pytest.raises(ConfigError, match=r"12 tokens.*8 are needed"):
        train(micro, few, tmp_path / "out", log=_quiet)


def test_no_cuda_is_explained(tmp_path, micro, shards):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="no CUDA device"):
        train(dataclasses.replace(micro, device="cuda"), shards, tmp_path, log=_quiet)
