"""An ablation as one SVG file: the difference on each held-out set, with both intervals."""

from html import escape

from gristmill.train_smoke.ablate_result import AblationResult
from gristmill.train_smoke.paired import Difference, Interval
from gristmill.train_smoke.plot import nice

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 860, 250, 30, 96, 46

_STYLE = """
svg { background: #fff; color: #1f2328; font: 12px system-ui, sans-serif }
.grid { stroke: #d0d7de } .zero { stroke: #6e7781; stroke-width: 1.5 }
.docs { stroke: #0550ae; stroke-width: 6; opacity: .45 } .runs { stroke: #0550ae; stroke-width: 2 }
.mean { fill: #0550ae } .one { fill: none; stroke: #bc4c00 }
text { fill: currentColor } .mute { fill: #59636e } .head { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; color: #e6edf3 }
  .grid { stroke: #30363d } .zero { stroke: #8b949e }
  .docs, .runs { stroke: #79c0ff } .mean { fill: #79c0ff } .one { stroke: #f0883e }
  .mute { fill: #9198a1 }
}
"""


def forest(result: AblationResult) -> str:
    """Return the SVG: a row a held-out set; right of zero, B is better."""
    rows = [(one.name, one.difference) for one in result.sets]
    if result.neutral is not None and sum(one.kind == "neutral" for one in result.sets) > 1:
        rows.append(("neutral, mean of sets", result.neutral))
    axis = _Axis([difference for _, difference in rows])
    bottom = _TOP + _ROW * len(rows)
    a, b = result.names
    parts = [
        _text(16, 24, _short(result.verdict, 130), "start", "head"),
        _text(16, 44, "bits per byte of A less those of B; wide bar: 95 % over documents, thin "
              "bar: 95 % over models, rings: pairs of models", "start", "mute"),
        _text(_LEFT, _TOP - 14, f"← A better ({_short(a, 30)})", "start", "mute"),
        _text(_WIDTH - _RIGHT, _TOP - 14, f"B better ({_short(b, 30)}) →", "end", "mute"),
        *axis.grid(bottom),
    ]  # fmt: skip
    for number, (name, difference) in enumerate(rows):
        parts += axis.row(name, difference, _TOP + _ROW * number + _ROW / 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 40}" role="img" '
        f'aria-label="{escape(result.verdict)}">\n<style>{_STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


class _Axis:
    """Differences to pixels; zero is always on it."""

    def __init__(self, found: list[Difference]) -> None:
        values = [0.0]
        for one in found:
            values += [*one.by_run, *(one.over_documents or ()), *(one.over_runs or ())]
        spread = max(values) - min(values) or 0.01
        self.low, self.high = min(values) - 0.08 * spread, max(values) + 0.08 * spread
        self.step = nice((self.high - self.low) / 6)

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * share, 1)

    def grid(self, bottom: float) -> list[str]:
        parts = []
        first = int(self.low / self.step)
        for n in range(first - 1, int(self.high / self.step) + 1):
            value = n * self.step
            if self.low <= value <= self.high:
                x, css = self.x(value), "grid" if n else "zero"
                parts.append(f'<line class="{css}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
                parts.append(_text(x, bottom + 20, f"{value:+.3g}", "middle", "mute"))
        return parts

    def row(self, name: str, found: Difference, y: float) -> list[str]:
        tip = f"{found.difference:+.4f} bits per byte, {found.documents:,} documents"
        return [
            _text(16, y + 4, _short(name, 28), "start", ""),
            self._bar("docs", found.over_documents, y),
            self._bar("runs", found.over_runs, y),
            *(f'<circle class="one" cx="{self.x(v)}" cy="{y}" r="3"/>' for v in found.by_run),
            f'<circle class="mean" cx="{self.x(found.difference)}" cy="{y}" r="4.5">'
            f"<title>{tip}</title></circle>",
            _text(_LEFT - 10, y + 4, f"{found.difference:+.4f}", "end", "mute"),
        ]

    def _bar(self, css: str, both: Interval | None, y: float) -> str:
        if both is None:
            return ""
        x1, x2 = self.x(both[0]), self.x(both[1])
        return f'<line class="{css}" x1="{x1}" x2="{x2}" y1="{y}" y2="{y}"/>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(x: float, y: float, text: str, anchor: str, css: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{css}">{escape(text)}</text>'
