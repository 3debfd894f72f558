"""Draws what processes held over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from faults.soak.sampling import UNDER_WAY, Sample

WIDTH, PANEL, GAP = 860, 170, 56
_LEFT, _RIGHT, _TOP = 64, 150, 48
_PANELS = (
    ("memory", "memory, MiB"),
    ("files", "open files"),
    ("threads", "threads"),
    ("connections", "connections"),
    (UNDER_WAY, UNDER_WAY),
)
_COLORS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e", "#6e7781", "#9a6700", "#bf3989")
_STYLE = """
    .page { fill: #ffffff; stroke: #d0d7de; }
    .grid { stroke: #d8dee4; }
    .warm { fill: #eaeef2; }
    .head { fill: #1f2328; font-size: 15px; font-weight: 600; }
    .text { fill: #424a53; font-size: 12px; }
    .line { fill: none; stroke-width: 1.8; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d; }
      .grid { stroke: #2a313c; }
      .warm { fill: #1c2128; }
      .head { fill: #f0f6fc; }
      .text { fill: #c8d1da; }
    }
"""


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where a time and a value lie; the panel begins ``top`` below the upper edge."""

    top: float
    seconds: float
    most: float

    def x(self, at: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * at / self.seconds

    def y(self, value: float) -> float:
        return self.top + PANEL * (1 - value / self.most)


def draw(samples: Sequence[Sample], *, warm_up_seconds: float, title: str) -> str:
    """Return the picture, a panel for each figure; the warm-up is shaded. There is at least one sample."""
    seconds = max(sample.at for sample in samples)
    names = sorted({sample.process for sample in samples})
    colors = {name: _COLORS[number % len(_COLORS)] for number, name in enumerate(names)}
    parts = [_text(_LEFT, 28, title, "head")]
    for number, (figure, label) in enumerate(_PANELS):
        values = [sample.figures[figure] for sample in samples if figure in sample.figures]
        axes = _Axes(_TOP + 20 + number * (PANEL + GAP), seconds, max(1.0, 1.1 * max(values, default=1.0)))
        parts += _frame(axes, label, min(warm_up_seconds, seconds))
        parts += [_line(samples, name, figure, axes, colors[name]) for name in names]
        parts += _legend(samples, names, figure, axes, colors)
    height = _TOP + 20 + len(_PANELS) * (PANEL + GAP)
    body = "\n  ".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title"\n'
        "     font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">\n"
        f'  <title id="title">{escape(title)}</title>\n  <style>{_STYLE}  </style>\n'
        f'  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>\n  {body}\n</svg>\n'
    )


def _frame(axes: _Axes, label: str, warm_up_seconds: float) -> list[str]:
    right, warm = WIDTH - _RIGHT, axes.x(warm_up_seconds) - _LEFT
    parts = [
        f'<rect class="warm" x="{_LEFT}" y="{axes.top}" width="{warm:.1f}" height="{PANEL}"/>',
        _text(_LEFT, axes.top - 8, label),
    ]
    for part in (0.0, 0.5, 1.0):
        y = axes.y(part * axes.most)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{part * axes.most:.0f}", anchor="end"))
        minutes = part * axes.seconds / 60
        parts.append(_text(axes.x(part * axes.seconds), axes.top + PANEL + 18, f"{minutes:.0f} min", anchor="middle"))
    return parts


def _line(samples: Sequence[Sample], name: str, figure: str, axes: _Axes, color: str) -> str:
    points = " ".join(
        f"{axes.x(sample.at):.1f},{axes.y(sample.figures[figure]):.1f}"
        for sample in samples
        if sample.process == name and figure in sample.figures
    )
    return f'<polyline class="line" stroke="{color}" points="{points}"/>' if points else ""


def _legend(
    samples: Sequence[Sample], names: Sequence[str], figure: str, axes: _Axes, colors: dict[str, str]
) -> list[str]:
    shown = [name for name in names if any(figure in one.figures for one in samples if one.process == name)]
    parts = []
    for number, name in enumerate(shown):
        x, y = WIDTH - _RIGHT + 14, axes.top + 12 + 18 * number
        parts.append(
            f'<line stroke="{colors[name]}" stroke-width="2" x1="{x}" y1="{y - 4}" x2="{x + 18}" y2="{y - 4}"/>'
        )
        parts.append(_text(x + 24, y, name))
    return parts


def _text(x: float, y: float, words: str, kind: str = "text", *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
