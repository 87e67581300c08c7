"""The loss curve as one SVG file, written by hand: no plotting library, light and dark."""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 40, 44

_STYLE = """
svg { background: #fff; color: #1f2328; font: 12px system-ui, sans-serif }
.grid { stroke: #d0d7de; stroke-width: 1 }
.base { stroke: #6e7781; stroke-width: 1; stroke-dasharray: 5 4 }
.train { fill: none; stroke: #9dbcf0; stroke-width: 1.5 }
.val { fill: none; stroke: #0550ae; stroke-width: 2 }
.dot { fill: #0550ae }
text { fill: currentColor } .mute { fill: #59636e }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; color: #e6edf3 }
  .grid { stroke: #30363d } .base { stroke: #8b949e }
  .train { stroke: #2f5f9e } .val { stroke: #79c0ff } .dot { fill: #79c0ff }
  .mute { fill: #9198a1 }
}
"""


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a run's ``train.jsonl``. Raises ConfigError where it is missing or damaged."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); train first") from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise ConfigError(f"{path}: line {number} is not JSON; train again") from error
    return records


def loss_curve(
    records: Sequence[Mapping[str, Any]],
    *,
    baselines: Mapping[str, float] | None = None,
    title: str = "Loss",
) -> str:
    """Return the SVG of training loss, validation loss and baselines.

    Args:
        records: objects with ``step``, ``loss`` and sometimes ``val``, in nats a token.
        baselines: horizontal lines by name, such as uniform and unigram.
        title: heading.

    Raises:
        ConfigError: no records.
    """
    train = _points(records, "loss")
    val = _points(records, "val")
    if not train and not val:
        raise ConfigError("nothing to plot: the log has no step with a loss; train first")
    lines = {name: y for name, y in (baselines or {}).items() if math.isfinite(y)}
    heights = [y for _, y in train + val] + list(lines.values())
    frame = _Frame(max(x for x, _ in train + val), min(heights), max(heights))
    parts = [*frame.grid(), *(frame.baseline(name, y) for name, y in lines.items())]
    parts += [frame.curve("train", train), frame.curve("val", val), *frame.dots(val)]
    parts += _legend(title)
    body = "\n".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _points(records: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    pairs = [(r.get("step"), r.get(key)) for r in records]
    return [
        (float(x), float(y))
        for x, y in pairs
        if x is not None and y is not None and math.isfinite(y)
    ]


class _Frame:
    """Data coordinates to pixels."""

    def __init__(self, last: float, low: float, high: float) -> None:
        self.last = max(last, 1.0)
        self.tick = nice((high - low) / 5 or 1.0)
        self.low = math.floor(low / self.tick) * self.tick
        self.high = max(math.ceil(high / self.tick) * self.tick, self.low + self.tick)

    def x(self, value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self.last, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share, 1)

    def grid(self) -> list[str]:
        parts = []
        for n in range(round((self.high - self.low) / self.tick) + 1):
            value = self.low + n * self.tick
            y = self.y(value)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
            )
            parts.append(_text(_LEFT - 8, y + 4, f"{value:g}", "end", "mute"))
        step = nice(self.last / 6)
        for n in range(int(self.last / step) + 1):
            x = self.x(n * step)
            parts.append(_text(x, _HEIGHT - _BOTTOM + 18, f"{n * step:g}", "middle", "mute"))
        parts.append(_text(_WIDTH / 2, _HEIGHT - 8, "step", "middle", "mute"))
        return parts

    def baseline(self, name: str, value: float) -> str:
        y = self.y(value)
        line = f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        return line + _text(_WIDTH - _RIGHT, y - 5, f"{name} {value:.2f}", "end", "mute")

    def curve(self, kind: str, points: Sequence[tuple[float, float]]) -> str:
        if not points:
            return ""
        path = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        return f'<polyline class="{kind}" points="{path}"/>'

    def dots(self, points: Sequence[tuple[float, float]]) -> list[str]:
        return [
            f'<circle class="dot" cx="{self.x(x)}" cy="{self.y(y)}" r="3">'
            f"<title>step {x:g}: {y:.4f}</title></circle>"
            for x, y in points
        ]


def nice(size: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(size))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= size * (1 - 1e-9))


def _legend(title: str) -> list[str]:
    return [
        _text(_LEFT, 22, title, "start", ""),
        f'<line class="train" x1="{_WIDTH - 230}" x2="{_WIDTH - 206}" y1="18" y2="18"/>',
        _text(_WIDTH - 200, 22, "train", "start", "mute"),
        f'<line class="val" x1="{_WIDTH - 150}" x2="{_WIDTH - 126}" y1="18" y2="18"/>',
        _text(_WIDTH - 120, 22, "val (nats a token)", "start", "mute"),
    ]


def _text(x: float, y: float, text: str, anchor: str, css: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{css}">{escape(text)}</text>'
