"""Steps whose loss or gradient is far from the last ones, which are better left out (llm.c)."""

import math
from dataclasses import dataclass, field

#: Values that a new one is compared with (llm.c, ``outlier_detector.h``).
WINDOW = 128


@dataclass
class Outliers:
    """The last values of one figure.

    Attributes:
        values: at most ``WINDOW`` of them, the oldest first.
    """

    values: list[float] = field(default_factory=list)

    def zscore(self, value: float) -> float:
        """Return by how many standard deviations a value lies above the mean, and remember it.

        0 while there are fewer values than the window holds, or where all are equal.
        """
        score = 0.0
        if len(self.values) == WINDOW:
            mean = math.fsum(self.values) / WINDOW
            spread = math.sqrt(math.fsum((v - mean) ** 2 for v in self.values) / WINDOW)
            score = (value - mean) / spread if spread else 0.0
        if math.isfinite(value):
            self.values = [*self.values[-(WINDOW - 1) :], value]
        return score
