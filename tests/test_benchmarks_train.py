"""The benchmark of training: fair settings, and no figure without a GPU."""

import pytest
import torch
import train

from gristmill.train_smoke.model import GPT


def test_systems_see_the_same_tokens_and_have_about_the_same_size() -> None:
    systems = train.contenders(steps=100, small=False)
    assert {c.batch_tokens * c.steps for c in systems.values()} == {524_288 * 100}
    assert {(c.layers, c.width, c.context) for c in systems.values()} == {(12, 768, 1024)}
    with torch.device("meta"):
        blocks = {
            name: sum(w.numel() for w in GPT(config, 50_304, 0).blocks.parameters())
            for name, config in systems.items()
        }
    assert max(blocks.values()) < 1.01 * min(blocks.values())
    assert {name: (c.variant, c.optimizer) for name, c in systems.items()} == {
        "modern": ("modern", "muon"),
        "modern-adamw": ("modern", "adamw"),
        "nanogpt": ("gpt2", "adamw"),
    }


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    monkeypatch.setattr("sys.argv", ["train.py", "--shards", "none"])
    assert train.main() == 0
    assert capsys.readouterr().out.startswith("not run: no CUDA device")
