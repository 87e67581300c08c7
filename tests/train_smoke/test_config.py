import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.presets import preset


def test_overrides_are_typed():
    config = preset("tiny").with_overrides(
        {"steps": "1_000", "matrix_lr": "3e-3", "compile": "true", "variant": "gpt2"}
    )
    assert (config.steps, config.matrix_lr, config.compile) == (1000, 0.003, True)
    assert config.variant == "gpt2"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"layer": "2"}, "did you mean 'layers'"),
        ({"steps": "many"}, "whole number"),
        ({"steps": "0"}, "1 or more"),
        ({"compile": "perhaps"}, "true or false"),
        ({"optimizer": "sgd"}, "muon, adamw"),
        ({"width": "100", "heads": "3"}, "multiple of heads"),
        ({"batch_tokens": "1000", "context": "128"}, "multiple of context"),
        ({"context": "64", "batch_tokens": "640", "micro_batch": "3"}, "must divide"),
        ({"matrix_lr": "nan"}, "finite"),
        ({"beta1": "1.5"}, "between 0 and 1"),
        ({"kv_heads": "3"}, "must divide the 4 heads"),
        ({"norm_eps": "0"}, "above 0"),
        ({"tied": "perhaps"}, "auto, yes, no"),
        ({"packing": "tight"}, "stream, docs"),
    ],
)
def test_bad_settings_say_what_to_do(overrides, says):
    with pytest.raises(ConfigError, match=says):
        TrainConfig().with_overrides(overrides)
