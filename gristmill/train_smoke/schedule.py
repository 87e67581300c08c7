"""Learning rate over the run, as a factor of the peak."""

import math

from gristmill.train_smoke.config import TrainConfig


def lr_factor(step: int, config: TrainConfig) -> float:
    """Return the factor for step ``step``, counted from 0.

    ``wsd`` holds the peak and then falls in a straight line over the last ``decay_fraction`` of
    the steps (Hu et al. 2024, MiniCPM, section 4; linear as in modded-nanogpt); ``cosine`` falls
    from the end of the warm-up (llm.c); ``constant`` stays.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    low = config.min_lr
    if config.schedule == "cosine":
        span = max(1, config.steps - config.warmup_steps)
        done = min(1.0, (step - config.warmup_steps) / span)
        return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done))
    if config.schedule == "wsd" and config.decay_fraction > 0:
        left = (config.steps - step) / (config.decay_fraction * config.steps)
        return low + (1 - low) * min(1.0, max(0.0, left))
    return 1.0
