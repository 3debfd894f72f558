"""Changes of a run and what it left out, as tables for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin.base import dollars

_CHANGES = ("pattern", "change", "from", "to", "confidence", "ratings", "stars", "cost of a request", "reason")
_SKIPPED = ("pattern", "model", "confidence", "ratings", "stars", "why not")
_CELL = '<td class="border-b border-base-200 px-3 py-2 dark:border-base-800">{}</td>'


def changes(entries: Iterable[Mapping[str, Any]]) -> SafeString:
    """Show changes as ``RetrainingRun.changes`` holds them."""
    return _table(_CHANGES, [_change(entry) for entry in entries])


def skipped(entries: Iterable[Mapping[str, Any]]) -> SafeString:
    """Show what was left out as ``RetrainingRun.skipped`` holds it."""
    return _table(_SKIPPED, [_skipped(entry) for entry in entries])


def _change(entry: Mapping[str, Any]) -> tuple[object, ...]:
    effect = entry["expected_effect"]
    before, after = effect["avg_cost_nano_usd_before"], effect["avg_cost_nano_usd_after"]
    return (
        entry["pattern"],
        entry["action"],
        entry["previous"] or "complexity",
        f"{entry['provider']}/{entry['model']}" if entry["model"] else "complexity",
        entry["confidence"] or "-",
        entry["sample_count"] if entry["sample_count"] is not None else "-",
        _stars(entry["avg_quality"]),
        f"{dollars(before)} → {dollars(after)}",
        entry["reason"],
    )


def _skipped(entry: Mapping[str, Any]) -> tuple[object, ...]:
    model = f"{entry['provider']}/{entry['model']}"
    stars = _stars(entry["avg_quality"])
    return entry["pattern"], model, entry["confidence"], entry["sample_count"], stars, entry["why"]


def _stars(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.2f}"


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> SafeString:
    if not rows:
        return format_html("{}", "none")
    head = format_html_join("", '<th class="px-3 py-2 text-left">{}</th>', ((header,) for header in headers))
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", _CELL, ((cell,) for cell in row)),) for row in rows)
    )
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
