"""How a run ended."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainResult:
    """How a run ended; ``result.json`` holds the same.

    Attributes:
        loss: training loss of the last step, nats a token.
        val: validation loss, nats a token.
        bpb: bits per byte of whole held-out documents.
        uniform: loss of knowing nothing, ln V.
        unigram: loss of knowing only the frequencies of tokens.
        steps: optimizer steps.
        tokens: training tokens seen, repeats included.
        unique_tokens: training tokens there are.
        windows: windows of the training split.
        left_out: what of it is no target, in words.
        skipped_steps: updates left out as outliers.
        parameters: weights.
        seconds: time in the loop, earlier parts of a resumed run included.
        sample: a text the model wrote; empty where ``sample_tokens`` is 0.
        checkpoint: folder of the last checkpoint.
    """

    loss: float
    val: float
    bpb: float
    uniform: float
    unigram: float
    steps: int
    tokens: int
    unique_tokens: int
    windows: int
    left_out: str
    skipped_steps: int
    parameters: int
    seconds: float
    sample: str
    checkpoint: Path

    def to_json(self) -> str:
        """Return indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n"
