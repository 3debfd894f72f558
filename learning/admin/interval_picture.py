"""Draws an estimate and its interval as a small picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT, EDGE = 240, 16, 6


def draw(estimate: Mapping[str, Any] | None, siblings: Sequence[Mapping[str, Any]]) -> SafeString | str:
    """Return an SVG of one estimate on the scale of its siblings, with a line at zero; empty without an interval."""
    if estimate is None or estimate["low"] is None:
        return ""
    known = [sibling for sibling in siblings if sibling["low"] is not None]
    least = min(0.0, *(sibling["low"] for sibling in known))
    most = max(0.0, *(sibling["high"] for sibling in known))
    span = (most - least) or 1.0

    def place(value: float) -> str:
        return f"{EDGE + (value - least) / span * (WIDTH - 2 * EDGE):.1f}"

    return format_html(
        '<svg width="{}" height="{}" role="img" aria-label="interval">'
        '<line x1="{}" x2="{}" y1="0" y2="{}" stroke="currentColor" stroke-opacity="0.3"/>'
        '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor" stroke-width="2"/>'
        '<circle cx="{}" cy="{}" r="4" fill="currentColor"/></svg>',
        WIDTH,
        HEIGHT,
        place(0.0),
        place(0.0),
        HEIGHT,
        place(estimate["low"]),
        place(estimate["high"]),
        HEIGHT // 2,
        HEIGHT // 2,
        place(estimate["value"]),
        HEIGHT // 2,
    )
