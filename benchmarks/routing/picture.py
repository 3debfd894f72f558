"""Draws cost against quality of a pool as SVG, readable on light and on dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from benchmarks.routing import curves
from benchmarks.routing.curves import Hull
from benchmarks.routing.full_information import CATEGORY_MEAN, COMPLEXITY, MIX, PRODUCT
from benchmarks.routing.pools import CALLS, Pool
from benchmarks.routing.scores import Scored
from benchmarks.routing.sweeps import ORACLE

WIDTH, HEIGHT = 880, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 290, 44, 56
_LONGEST_NAME = 32
# Above this ratio of the dearest to the cheapest model a linear axis shows nothing at its left end.
_LOGARITHMIC_FROM = 20.0
_LINES = ((MIX, "mix"), (CATEGORY_MEAN, "category"), (PRODUCT, "product"), (ORACLE, "oracle"))
_STYLE = """
    .page { fill: #ffffff; stroke: #d0d7de; }
    .grid { stroke: #d8dee4; stroke-width: 1; }
    .head { fill: #1f2328; font-size: 15px; font-weight: 600; }
    .text { fill: #424a53; font-size: 12px; }
    .line { fill: none; stroke-width: 2.2; }
    .mix { stroke: #6e7781; stroke-dasharray: 5 4; }
    .category { stroke: #bc4c00; }
    .product { stroke: #0969da; stroke-width: 3; }
    .oracle { stroke: #1a7f37; stroke-dasharray: 2 3; }
    .model { fill: #57606a; }
    .rule { fill: #8250df; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d; }
      .grid { stroke: #2a313c; }
      .head { fill: #f0f6fc; }
      .text { fill: #c8d1da; }
      .mix { stroke: #9198a1; }
      .category { stroke: #f0883e; }
      .product { stroke: #4493f8; }
      .oracle { stroke: #3fb950; }
      .model { fill: #9198a1; }
      .rule { fill: #ab7df8; }
    }
"""


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where a cost and a quality lie on the page."""

    cheapest: float
    dearest: float
    worst: float
    best: float

    @property
    def is_logarithmic(self) -> bool:
        return self.cheapest > 0 and self.dearest / self.cheapest > _LOGARITHMIC_FROM

    def x(self, cost: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * self._share(cost)

    def y(self, quality: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (quality - self.worst) / (self.best - self.worst)

    def costs(self, count: int) -> list[float]:
        """Return costs that lie evenly on the axis."""
        space = np.geomspace if self.is_logarithmic else np.linspace
        return [float(cost) for cost in space(self.cheapest, self.dearest, count)]

    def _share(self, cost: float) -> float:
        if self.is_logarithmic:
            return math.log(cost / self.cheapest) / math.log(self.dearest / self.cheapest)
        return (cost - self.cheapest) / (self.dearest - self.cheapest)


def draw(pool: Pool, scored: Sequence[Scored]) -> str:
    """Return the picture; its curves are the upper hulls of the routers' settings."""
    by_name = {each.name: each for each in scored}
    cost, quality = pool.cost.mean(axis=0), pool.quality.mean(axis=0)
    hulls = {name: _reached(by_name[name], float(cost[0]), float(quality[0])) for name, _ in _LINES}
    # Models that no router would choose may be far below all curves; they are named, but not worth the room.
    bottom = min(*(float(each.quality.min()) for each in hulls.values()), by_name[COMPLEXITY].curve[0][1])
    top = max(float(each.quality.max()) for each in hulls.values())
    margin = (top - bottom) * 0.06
    axes = _Axes(float(cost.min()), float(cost.max()), bottom - margin, top + margin)
    parts = [
        *_frame(pool, axes),
        *(_line(hulls[name], kind, axes) for name, kind in _LINES),
        *_models(pool, axes),
        *_rule(by_name[COMPLEXITY], axes),
        *_legend(pool, axes),
    ]
    body = "\n  ".join(parts)
    label = f"Cost against quality of the routers on {pool.name}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title"\n'
        "     font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">\n"
        f'  <title id="title">{escape(label)}</title>\n  <style>{_STYLE}  </style>\n  {body}\n</svg>\n'
    )


def _reached(router: Scored, cost: float, quality: float) -> Hull:
    points = np.array([*router.curve, (cost, quality)])
    return curves.hull(points[:, 0], points[:, 1])


def _frame(pool: Pool, axes: _Axes) -> list[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    is_calls = pool.cost_unit == CALLS
    unit = "share of calls to the dearer model" if is_calls else "cost of 1,000 prompts, USD"
    scale = ", logarithmic" if axes.is_logarithmic else ""
    parts = [
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        _text(_LEFT, 26, f"{pool.name}: {len(pool.texts):,} prompts, {len(pool.model_names)} models", "head"),
        _text((_LEFT + right) / 2, HEIGHT - 14, f"{unit}{scale}", anchor="middle"),
        _text(12, 26, "quality"),
    ]
    for cost in axes.costs(5):
        x = axes.x(cost)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 18, f"{cost if is_calls else 1000 * cost:.2g}", anchor="middle"))
    for quality in np.linspace(axes.worst, axes.best, 6):
        y = axes.y(float(quality))
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{quality:.3f}", anchor="end"))
    return parts


def _line(reached: Hull, kind: str, axes: _Axes) -> str:
    # A straight line of mixes is bent by a logarithmic axis, so that it is drawn through many points.
    costs = [cost for cost in axes.costs(200) if cost >= reached.cost[0]]
    points = " ".join(f"{axes.x(cost):.1f},{axes.y(float(reached.quality_at(cost))):.1f}" for cost in costs)
    return f'<polyline class="line {kind}" points="{points}"/>'


def _models(pool: Pool, axes: _Axes) -> list[str]:
    parts = []
    means = zip(pool.cost.mean(axis=0).tolist(), pool.quality.mean(axis=0).tolist(), strict=True)
    for number, (cost, quality) in enumerate(means, start=1):
        if quality < axes.worst:
            continue
        x, y = axes.x(cost), axes.y(quality)
        parts.append(f'<circle class="model" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        parts.append(_text(x + 6, y + 14, str(number)))
    return parts


def _rule(complexity: Scored, axes: _Axes) -> list[str]:
    cost, quality = complexity.curve[0]
    x, y = axes.x(cost), axes.y(quality)
    return [f'<rect class="rule" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>']


def _legend(pool: Pool, axes: _Axes) -> list[str]:
    x, y = WIDTH - _RIGHT + 22, _TOP + 8
    parts = []
    for name, kind in _LINES:
        parts.append(f'<line class="line {kind}" x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}"/>')
        parts.append(_text(x + 34, y, name))
        y += 21
    parts.append(f'<rect class="rule" x="{x + 9}" y="{y - 8}" width="8" height="8"/>')
    parts.append(_text(x + 34, y, COMPLEXITY))
    for number, (name, quality) in enumerate(zip(pool.model_names, pool.quality.mean(axis=0), strict=True), start=1):
        y += 21
        short = name.rpartition("/")[2][:_LONGEST_NAME]
        below = f" ({quality:.2f})" if quality < axes.worst else ""
        parts.append(f'<circle class="model" cx="{x + 13}" cy="{y - 4}" r="4"/>')
        parts.append(_text(x + 34, y, f"{number} {short}{below}"))
    return parts


def _text(x: float, y: float, words: str, kind: str = "text", *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
