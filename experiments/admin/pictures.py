"""Small pictures beside figures, drawn on the server: they need no script and print as they are."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 168, 28
_EDGE, _MIDDLE = 6, HEIGHT // 2


def change(
    estimate: float | None,
    low: float | None,
    high: float | None,
    *,
    worst: float | None = None,
    reach: float | None = None,
    label: str,
) -> SafeString | str:
    """Draw a change with its interval, a line where nothing changes, and one at the ``worst`` change allowed.

    Zero is in the middle, so that pictures under one another agree on the side that is better.

    Args:
        reach: The change at either edge, where pictures of different rows are to be compared; what lies beyond is drawn
            there. Otherwise the picture is as wide as what is in it, up to a doubling.
        label: The same in words, for whoever does not see it.
    """
    if estimate is None:
        return ""
    known = [abs(value) for value in (estimate, low, high, worst) if value is not None]
    edge = reach or min(1.0, max(known)) or 1.0

    def place(value: float) -> str:
        share = max(-1.0, min(1.0, value / edge))
        return f"{_EDGE + (share + 1) / 2 * (WIDTH - 2 * _EDGE):.1f}"

    return format_html(
        '<svg class="exp-interval" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
        '<line class="zero" x1="{}" x2="{}" y1="2" y2="{}"/>{}{}'
        '<circle cx="{}" cy="{}" r="4"/></svg>',
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        label,
        place(0.0),
        place(0.0),
        HEIGHT - 2,
        "" if worst is None else _worst(place(worst)),
        "" if low is None or high is None else _reach(place(low), place(high)),
        place(estimate),
        _MIDDLE,
    )


def progress(share: float | None, *, label: str) -> SafeString | str:
    """Draw how much of something there is, in [0, 1]."""
    if share is None:
        return ""
    return format_html(
        '<progress class="exp-progress" max="100" value="{}" aria-label="{}"></progress>', f"{100 * share:.1f}", label
    )


def _worst(place: str) -> SafeString:
    return format_html('<line class="worst" x1="{}" x2="{}" y1="4" y2="{}"/>', place, place, HEIGHT - 4)


def _reach(low: str, high: str) -> SafeString:
    return format_html('<line class="reach" x1="{}" x2="{}" y1="{}" y2="{}"/>', low, high, _MIDDLE, _MIDDLE)
