"""Settings there and back; what is left unsaid has transformers' meaning."""

import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.hf_config import ARCHITECTURES, from_hf, to_hf
from gristmill.train_smoke.model import GPT

KEPT = ("variant", "layers", "width", "heads", "context")


@pytest.mark.parametrize("variant", list(ARCHITECTURES))
def test_there_and_back(variant):
    config = TrainConfig(variant=variant, layers=3, width=24, heads=3, context=32, batch_tokens=32)
    data = to_hf(GPT(config, 70, 5))
    assert (data["vocab_size"], data["eos_token_id"], data["bos_token_id"]) == (70, 5, 5)
    assert data["architectures"] == [ARCHITECTURES[variant]]
    back = from_hf(data, "config.json")
    assert [getattr(back, key) for key in KEPT] == [getattr(config, key) for key in KEPT]


def test_openais_own_file_is_enough():
    data = {"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "n_positions": 1024}
    config = from_hf(data, "config.json")
    assert (config.layers, config.width, config.context) == (12, 768, 1024)


@pytest.mark.parametrize("kind", [None, 5, "gpt_neox", ["gpt2"]])
def test_unknown_kinds_are_named(kind):
    with pytest.raises(ConfigError, match=r"^c.json: model_type .* none that gristmill can read"):
        from_hf({"model_type": kind}, "c.json")


def test_every_message_names_the_file():
    data = {"model_type": "gpt2", "n_layer": 1, "n_embd": 10, "n_head": 5, "n_positions": 8}
    for change in ({}, {"n_embd": True}, {"n_inner": 0}, {"layer_norm_epsilon": 0}):
        with pytest.raises(ConfigError, match=r"^c\.json: "):
            from_hf(data | {"n_head": 3} | change, "c.json")
