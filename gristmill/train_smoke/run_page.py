"""A run on one page: figures, curve, samples, settings. One HTML file that loads nothing."""

import dataclasses
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.result import TrainResult

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fff; --line: #d0d7de; --soft: #59636e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #9198a1 }
}
body { max-width: 760px; margin: 2rem auto; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
p.note { color: var(--soft) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; vertical-align: top }
th { font-weight: normal; color: var(--soft); width: 45% }
td { font-variant-numeric: tabular-nums }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .75rem; margin: .25rem 0 1rem;
  border: 1px solid var(--line); border-radius: 6px; font: 13px/1.5 ui-monospace, monospace }
"""


def run_page(
    result: TrainResult,
    config: TrainConfig,
    records: Sequence[Mapping[str, Any]],
    curve: str,
    *,
    title: str = "Training run",
) -> str:
    """Return the page as HTML.

    Args:
        result: how the run ended.
        config: its settings.
        records: its log; those with a ``sample`` are shown.
        curve: the SVG of ``plot.loss_curve``.
        title: heading; escaped, as all text is.
    """
    samples = [(int(r["step"]), str(r["sample"])) for r in records if r.get("sample")]
    if result.sample and (not samples or samples[-1] != (result.steps, result.sample)):
        samples.append((result.steps, result.sample))
    settings = {name: str(value) for name, value in dataclasses.asdict(config).items()}
    parts = [
        f"<h1>{escape(title)}</h1>",
        _table(_figures(result)),
        f"<h2>Loss</h2>\n{curve}",
        _samples(samples),
        f"<h2>Settings</h2>\n{_table(settings)}",
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # The page says itself that nothing is loaded and no script runs.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _figures(result: TrainResult) -> dict[str, str]:
    rate = result.tokens / result.seconds if result.seconds > 0 else 0.0
    return {
        "validation loss, nats a token": f"{result.val:.4f}",
        "bits per byte, whole held-out documents": f"{result.bpb:.4f}",
        "loss of token frequencies alone (unigram)": f"{result.unigram:.4f}",
        "loss of knowing nothing (uniform)": f"{result.uniform:.4f}",
        "training loss of the last step": f"{result.loss:.4f}",
        "weights": f"{result.parameters:,}",
        "steps": f"{result.steps:,}",
        "steps left out as outliers": f"{result.skipped_steps:,}",
        "tokens seen": f"{result.tokens:,}",
        "different tokens": f"{result.unique_tokens:,}",
        "left out of training": result.left_out,
        "time": f"{result.seconds:,.0f} s, {rate:,.0f} tokens/s",
        "checkpoint": str(result.checkpoint),
    }


def _samples(samples: Sequence[tuple[int, str]]) -> str:
    if not samples:
        return ""
    texts = "\n".join(f"<div>step {step:,}</div>\n<pre>{escape(text)}</pre>"
                      for step, text in samples)  # fmt: skip
    return (
        "<h2>Samples</h2>\n"
        '<p class="note">Written from nothing but the start of a document. A base model simulates '
        f"the texts it was trained on; it is no assistant.</p>\n{texts}"
    )


def _table(rows: Mapping[str, str]) -> str:
    cells = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table>\n{cells}\n</table>"
