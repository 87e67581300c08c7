import json
from pathlib import Path

from gristmill.train_smoke.result import TrainResult


def test_json_holds_every_field():
    result = TrainResult(
        loss=2.0, val=2.5, bpb=1.5, uniform=5.5, unigram=3.0, steps=1, tokens=2, unique_tokens=3,
        windows=3, left_out="nothing", skipped_steps=0, parameters=4, seconds=0.5,
        sample="a\n", checkpoint=Path("x/y"),
    )  # fmt: skip
    back = json.loads(result.to_json())
    assert back.pop("checkpoint") == "x/y"
    assert all(getattr(result, name) == value for name, value in back.items())
    assert len(back) == 14
