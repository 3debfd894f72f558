"""The savings report as one HTML file, and as JSON."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from insights.domain.savings import report as reporting
from insights.domain.savings.figures import Period, Report
from insights.services.savings import notes
from insights.services.savings.reports import SavingsReport

TEMPLATE = "insights/savings_report.html"
# Height of the chart by day, in its own units; its width is one unit a bar.
_CHART_HEIGHT = 100


class CannotWrite(Exception):
    """The page could not be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An amount on the scale of the largest, in percent."""

    title: str
    text: str
    name: str
    amount_usd: Decimal
    saved_share: float | None
    width: str


@dataclass(frozen=True, slots=True)
class Column:
    """One day or month of the chart: where it stands, and how high its three bars are."""

    x: str
    paid: str
    same_tier: str
    tier_below: str


def write(report: SavingsReport, path: Path, *, now: datetime, overwrite: bool) -> None:
    """Write the page, as a whole or not at all.

    Raises:
        CannotWrite: The file is there already and not to be overwritten, or cannot be written.
    """
    page = render_to_string(TEMPLATE, context(report, now=now))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(page, encoding="utf-8")
        if not overwrite:
            # Made only where nothing is, whoever else is writing.
            path.touch(exist_ok=False)
        part.replace(path)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def context(report: SavingsReport, *, now: datetime) -> dict[str, Any]:
    """Return what the template shows."""
    found = report.figures
    return {
        "report": report,
        "figures": found,
        "made_at": now,
        "what_was_read": notes.what_was_read(report),
        "warnings": notes.warnings(report),
        "reading_notes": notes.reading(report),
        "measured": notes.measured(report),
        "assumed": notes.assumed(report),
        "next_steps": notes.NEXT,
        "bars": bars(found),
        "columns": columns(found.periods),
        "chart_width": max(1, len(found.periods)),
        "chart_height": _CHART_HEIGHT,
        "chart_top_usd": max((period.paid_usd for period in found.periods), default=Decimal(0)),
        "used": reporting.shown(found.used),
        "unread_more": report.reading.unreadable - len(report.reading.unread),
    }


def as_json(report: SavingsReport) -> dict[str, Any]:
    """Return everything the page shows as plain values; money as decimal strings once written."""
    reading = report.reading
    return {
        "file": report.file_name,
        "format": reading.layout.format.name,
        "rows": reading.rows,
        "unreadable_rows": reading.unreadable,
        "unreadable": [{"line": line, "reason": reason} for line, reason in reading.unread],
        "ended_early": None if reading.broken is None else {"line": reading.broken[0], "reason": reading.broken[1]},
        "figures": report.figures,
        "measured": notes.measured(report),
        "assumed": notes.assumed(report),
    }


def bars(found: Report) -> list[Bar]:
    """Return what was paid and the scenarios, on one scale."""
    most = max((found.reference_usd, found.compared.cost_usd, Decimal(0)))
    paid = "Their own models, at the prices of the catalog"
    first = [Bar("As it was", paid, "paid", found.compared.cost_usd, None, _percent(found.compared.cost_usd, most))]
    if found.reference:
        text = f"All requests on {found.reference}, which savings are measured against"
        first.insert(
            0, Bar("Baseline", text, "baseline", found.reference_usd, None, _percent(found.reference_usd, most))
        )
    return first + [
        Bar(each.title, each.text, each.name, each.cost_usd, each.saved_share, _percent(each.cost_usd, most))
        for each in found.scenarios
    ]


def columns(periods: Sequence[Period]) -> list[Column]:
    """Return the bars of the chart, on the scale of the dearest day."""
    most = max((period.paid_usd for period in periods), default=Decimal(0))
    return [
        Column(
            str(place),
            _percent(period.paid_usd, most),
            _percent(period.same_tier_usd, most),
            _percent(period.tier_below_usd, most),
        )
        for place, period in enumerate(periods)
    ]


def _percent(part: Decimal, whole: Decimal) -> str:
    # Text, so that no locale puts a comma into the picture.
    return f"{100 * float(part / whole):.2f}" if whole else "0"
