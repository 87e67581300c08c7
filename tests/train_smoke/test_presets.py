import json

import pytest
import torch

from gristmill.errors import ConfigError
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.presets import PRESETS, preset


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_survive_json(name: str) -> None:
    config = preset(name)
    assert TrainConfig.from_dict(json.loads(config.to_json())) == config


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tiny'"):
        preset("tinny")


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("gpt2-small", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_gpt2_has_as_many_weights_as_openais(name: str, weights: int) -> None:
    config = preset(name)
    with torch.device("meta"):
        model = GPT(config, 50_257, 50_256)
    padding = (model.embed.num_embeddings - 50_257) * config.width
    assert model.parameter_count() - padding == weights
